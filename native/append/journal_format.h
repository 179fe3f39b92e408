// The format of a side journal, `<path>.journal`, and what its bytes say. Pure: what is read, written and
// synced is in side_journal.h and put_back.h.
//
// Two heads, and then records until the end of the file, whose size never changes. All numbers are 64 bits,
// unsigned, little endian.
//
//   head     offset  0  magic       "hfstjrn1"
//                    8  epoch       from 1 on; the head of an epoch is in page `epoch` modulo 2
//                   16  key         random, for every Hash in the epoch: so nothing that somebody else has
//                                   written, and nothing of another epoch, is taken for a record
//                   32  from        the chronicle's file was durable up to here when the epoch began
//                   40  mark        HashMark of the chronicle's file at `from` (dedupe/mark.h)
//                   48  checksum    Hash of the bytes before it
//                   56  born        when the chronicle's file was made, in milliseconds since 1970
//                   64  boot        Hash of os::BootId with the key 0, 0; 0: not known
//   word     offset  2048           not 0: a sync of the chronicle's file failed
//   record   offset  0  magic       "hfstjrec"
//                    8  epoch
//                   16  offset      in the chronicle's file, of the bytes that follow
//                   24  length      of them
//                   32  hash        Hash of them
//                   40  checksum    Hash of the bytes before it
//
// The records of an epoch follow each other from kFirstRecord on, each at the beginning of a sector: what is
// synced is never written to again within its epoch. The first is about the bytes from `from` on, and each
// other about those where the one before it ends; so they tell all that the chronicle's file has from `from`
// on. What does not fit belongs to no record, and is synced in the file itself.
//
// `born` and `boot` need no checksum: they have to be equal to something.
#ifndef HOLDFAST_APPEND_JOURNAL_FORMAT_H_
#define HOLDFAST_APPEND_JOURNAL_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include "dedupe/hash.h"
#include "dedupe/little_endian.h"

namespace holdfast::append::journal {

constexpr uint64_t kHeadMagic = 0x316e726a74736668;    // "hfstjrn1"
constexpr uint64_t kRecordMagic = 0x6365726a74736668;  // "hfstjrec"

// What a drive writes whole or not at all, at least; and what a file system does.
constexpr uint64_t kSector = 512;
constexpr uint64_t kPage = 4096;

constexpr uint64_t kSuspectAt = 2048;
constexpr uint64_t kFirstRecord = 2 * kPage;

// A journal is made with kSize. One of another size is as good, within these bounds.
constexpr uint64_t kSize = uint64_t{4} << 20;
constexpr uint64_t kMinSize = 4 * kPage;
constexpr uint64_t kMaxSize = uint64_t{64} << 20;

struct Head {
  uint64_t magic = kHeadMagic;
  uint64_t epoch = 0;
  dedupe::HashKey key;
  uint64_t from = 0;
  uint64_t mark = 0;
  uint64_t checksum = 0;
  uint64_t born = 0;
  uint64_t boot = 0;
};

struct Record {
  uint64_t magic = kRecordMagic;
  uint64_t epoch = 0;
  uint64_t offset = 0;
  uint64_t length = 0;
  uint64_t hash = 0;
  uint64_t checksum = 0;
};

// They are read and written as they are in memory.
static_assert(sizeof(Head) == 72 && offsetof(Head, checksum) == 48);
static_assert(sizeof(Record) == 48 && offsetof(Record, checksum) == 40);
static_assert(std::is_trivially_copyable_v<Head> && std::is_trivially_copyable_v<Record>);

constexpr uint64_t HeadAt(uint64_t epoch) {
  return epoch % 2 * kPage;
}

// How much of a journal a record takes.
constexpr uint64_t SpaceFor(uint64_t length) {
  return (sizeof(Record) + length + kSector - 1) / kSector * kSector;
}

uint64_t ChecksumOf(const Head& head);
// The head at `at` of these bytes, if there is one that is whole.
std::optional<Head> HeadIn(std::string_view bytes, uint64_t at);

Record MakeRecord(const Head& head, uint64_t offset, std::string_view bytes);
// Whether it is the head of the record of this epoch that is about what comes from `offset` on. Its bytes may
// be damaged.
bool IsRecord(const Record& record, const Head& head, uint64_t offset);

// Bytes of the chronicle's file.
struct Piece {
  uint64_t offset;
  std::string_view bytes;
};

// What a whole journal tells.
struct Content {
  Head head;
  std::vector<Piece> pieces;  // each begins where the one before it ends
  bool is_suspect = false;
};

// Of the latest epoch. Nothing: there is none. The pieces are in `bytes`.
std::optional<Content> ContentOf(std::string_view bytes);

// What is found in the place of a piece. kMissing: it is not there, or is NUL in its place, as after a crash;
// kOther: something else is there.
enum class Found { kWhole, kMissing, kOther };

// `found` is what the file has there; fewer bytes if it ends before.
Found Compare(std::string_view piece, std::string_view found);

}  // namespace holdfast::append::journal

#endif  // HOLDFAST_APPEND_JOURNAL_FORMAT_H_
