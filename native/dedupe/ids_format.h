// The format of the file of ids, `<path>.ids`. What it is for, and how it is read and written, is told in
// ids_file.h.
//
// A header, and then chunks until the end of the file. All numbers are 64 bits, unsigned, little endian.
//
//   header   offset  0  magic       "hfstids2"
//                    8  hash_key    random, for every Hash in the file; what keeps the ids of a chronicle
//                    takes
//                                   that of a file that is there
//                   24  id_key      Hash of the id's key, in UTF-8
//                   32  device      of the chronicle's file (os::FileId)
//                   40  inode
//                   48  checksum    Hash of the bytes before it
//   chunk    offset  0  magic       "idschunk"
//                    8  from        the chunk tells which ids are in the chronicle's file from this offset on
//                   16  to          up to this one, where a line ends
//                   24  mark        HashMark of the chronicle's file at `to` (mark.h)
//                   32  count       how many records follow, at most kMaxRecords
//                   40  checksum    Hash of the bytes before it in the chunk ^ Hash of the records
//   record   offset  0  id          fingerprint (IdFinder::FingerprintOf), never 0
//                    8  offset      where the line with the id begins in the chronicle's file
//
// `from` of the first chunk is 0, and that of every other is `to` of the one before. Records are in the order
// of their offsets, which are from `from` on and before `to`. An id that occurs twice is there once, with the
// first offset; if that turned out to be wrong, it may be there a second time. Two ids that have the same
// fingerprint are there both.
//
// A change of anything here, of Hash, of a fingerprint or of the mark needs another magic of the header. A
// version that does not know the magic takes the file for damaged, and overwrites it with its own. So it goes
// with "hfstids1", whose hash had no key.
#ifndef HOLDFAST_DEDUPE_IDS_FORMAT_H_
#define HOLDFAST_DEDUPE_IDS_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "dedupe/hash.h"
#include "dedupe/id_finder.h"
#include "dedupe/little_endian.h"

namespace holdfast::dedupe::ids_format {

constexpr uint64_t kHeaderMagic = 0x3273646974736668;  // "hfstids2"
constexpr uint64_t kChunkMagic = 0x6b6e756863736469;   // "idschunk"

// The records of a chunk are checked, and so read, as a whole: this bounds the memory for it to 1 MiB.
constexpr uint64_t kMaxRecords = 65'536;

struct Header {
  uint64_t magic;
  HashKey hash_key;
  uint64_t id_key;
  uint64_t device;
  uint64_t inode;
  uint64_t checksum;
};

struct Chunk {
  uint64_t magic;
  uint64_t from;
  uint64_t to;
  uint64_t mark;
  uint64_t count;
  uint64_t checksum;
};

struct Record {
  Fingerprint id;
  uint64_t offset;
};

// They are read and written as they are in memory.
static_assert(sizeof(Header) == 56 && offsetof(Header, checksum) == 48);
static_assert(sizeof(Chunk) == 48 && offsetof(Chunk, mark) == 24 && offsetof(Chunk, checksum) == 40);
static_assert(sizeof(Record) == 16 && offsetof(Record, offset) == 8);
static_assert(std::is_trivially_copyable_v<Header> && std::is_trivially_copyable_v<Chunk> &&
              std::is_trivially_copyable_v<Record>);

}  // namespace holdfast::dedupe::ids_format

#endif  // HOLDFAST_DEDUPE_IDS_FORMAT_H_
