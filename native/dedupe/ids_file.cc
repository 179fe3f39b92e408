#include "dedupe/ids_file.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <string_view>
#include <utility>

#include "dedupe/hash.h"
#include "dedupe/mark.h"
#include "lock/mechanism.h"

namespace holdfast::dedupe {
namespace {

using ids_format::Chunk;
using ids_format::Header;
using ids_format::kChunkMagic;
using ids_format::kHeaderMagic;
using ids_format::kMaxRecords;
using ids_format::Record;

// The shortest line of an event with an id, {"k":"i"} with its newline.
constexpr uint64_t kMinLineBytes = 10;

template <typename T>
char* BytesOf(T* data) {
  return reinterpret_cast<char*>(data);
}

template <typename T>
const char* BytesOf(const T* data) {
  return reinterpret_cast<const char*>(data);
}

uint64_t ChecksumOf(const Header& header) {
  return Hash(header.hash_key, {BytesOf(&header), offsetof(Header, checksum)});
}

uint64_t ChecksumOf(const HashKey& key, const Chunk& chunk, const Record* records) {
  return Hash(key, {BytesOf(&chunk), offsetof(Chunk, checksum)}) ^
         Hash(key, {BytesOf(records), static_cast<size_t>(chunk.count) * sizeof(Record)});
}

// False if there is no header that is whole.
bool ReadHeader(const os::File& file, Header* out) {
  return !file.ReadAt(0, BytesOf(out), sizeof *out) && out->magic == kHeaderMagic &&
         out->checksum == ChecksumOf(*out);
}

bool operator==(const Header& one, const Header& other) {
  return std::memcmp(&one, &other, sizeof one) == 0;
}

}  // namespace

uint64_t IdsFile::Load(Identity identity, const os::File& chronicle, uint64_t size,
                       const Receiver& receiver) {
  identity_ = std::move(identity);
  good_bytes_ = known_end_ = 0;
  collected_.clear();
  os::File file;
  if (size == 0 || os::File::OpenBeside(identity_.path, chronicle, os::Beside::kThere, &file)) return 0;
  Header header;
  if (!ReadHeader(file, &header) || !(header == MakeHeader())) return 0;
  // Whatever the file of ids says, there are no more ids than the chronicle can have events.
  uint64_t length = 0;
  if (!file.Size(&length)) {
    receiver.reserve(static_cast<size_t>(std::min(length / sizeof(Record), size / kMinLineBytes)));
  }
  good_bytes_ = sizeof(Header);
  ReadChunks(file, chronicle, receiver.add);
  return known_end_;
}

bool IdsFile::ReadHashKey(const std::string& path, const os::File& chronicle, HashKey* out) {
  os::File file;
  Header header;
  if (os::File::OpenBeside(path, chronicle, os::Beside::kThere, &file) || !ReadHeader(file, &header))
    return false;
  *out = header.hash_key;
  return true;
}

Header IdsFile::MakeHeader() const {
  Header header{kHeaderMagic,
                identity_.hash_key,
                Hash(identity_.hash_key, identity_.id_key),
                identity_.chronicle.device,
                identity_.chronicle.inode,
                0};
  header.checksum = ChecksumOf(header);
  return header;
}

void IdsFile::ReadChunks(const os::File& file, const os::File& chronicle, const AddRecords& add) {
  uint64_t length = 0, size = 0;
  if (file.Size(&length) || chronicle.Size(&size)) return;
  std::vector<Record> records;
  while (length >= good_bytes_ + sizeof(Chunk)) {
    Chunk chunk;
    if (file.ReadAt(good_bytes_, BytesOf(&chunk), sizeof chunk)) return;
    if (chunk.magic != kChunkMagic || chunk.count > kMaxRecords) return;
    if (chunk.from != known_end_ || chunk.to <= chunk.from || chunk.to > size) return;
    records.resize(static_cast<size_t>(chunk.count));
    const size_t record_bytes = records.size() * sizeof(Record);
    if (length - good_bytes_ - sizeof chunk < record_bytes) return;
    if (file.ReadAt(good_bytes_ + sizeof chunk, BytesOf(records.data()), record_bytes)) return;
    if (chunk.checksum != ChecksumOf(identity_.hash_key, chunk, records.data())) return;
    // The checksum is no proof: what follows relies on this.
    const bool is_sound = std::all_of(records.begin(), records.end(), [&](const Record& record) {
      return record.id != 0 && record.offset >= chunk.from && record.offset < chunk.to;
    });
    if (!is_sound) return;
    uint64_t mark = 0;
    if (!HashMark(chronicle, identity_.hash_key, chunk.to, &mark) || mark != chunk.mark) return;
    if (add) add(records);
    good_bytes_ += sizeof chunk + record_bytes;
    known_end_ = chunk.to;
  }
}

void IdsFile::Add(const os::File& chronicle, Fingerprint id, uint64_t offset) {
  if (identity_.path.empty()) return;
  assert(collected_.empty() || collected_.back().offset < offset);
  if (collected_.size() >= kMaxRecords) Save(chronicle, offset);
  // What cannot be saved now is saved later; but not kept in memory without bound.
  if (collected_.size() >= 2 * kMaxRecords) return GiveUp();
  collected_.push_back({id, offset});
}

void IdsFile::Save(const os::File& chronicle, uint64_t end) {
  if (identity_.path.empty() || end <= known_end_ || collected_.empty()) return;
  os::File file;
  if (os::File::OpenBeside(identity_.path, chronicle, os::Beside::kMadeToAppend, &file)) return;
  os::Error error;
  const lock::Spec spec;
  if (lock::kFlock.try_lock(file, spec, &error) != lock::Attempt::kGranted) return;
  if (Begin(file)) {
    ReadChunks(file, chronicle, nullptr);  // what others have appended since
    WriteChunks(file, chronicle, end);
  } else {
    GiveUp();
  }
  lock::kFlock.unlock(file, spec);
}

bool IdsFile::Begin(const os::File& file) {
  const Header own = MakeHeader();
  Header header;
  if (ReadHeader(file, &header) && header == own) {
    uint64_t length = 0;
    if (good_bytes_ == 0) good_bytes_ = sizeof(Header);
    return !file.Size(&length) && length >= good_bytes_;
  }
  if (good_bytes_ > sizeof(Header)) return false;
  good_bytes_ = sizeof own;
  return !file.Truncate(0) && !file.Append("", 0, BytesOf(&own), sizeof own);
}

void IdsFile::WriteChunks(const os::File& file, const os::File& chronicle, uint64_t end) {
  auto next = std::find_if(collected_.begin(), collected_.end(),
                           [this](const Record& record) { return record.offset >= known_end_; });
  while (end > known_end_) {
    const auto left = static_cast<uint64_t>(collected_.end() - next);
    const uint64_t count = std::min(left, kMaxRecords);
    // Every chunk needs an end of its own: that of all but the last is where the next record begins.
    const uint64_t to = count == left ? end : next[static_cast<std::ptrdiff_t>(count)].offset;
    Chunk chunk{kChunkMagic, known_end_, to, 0, count, 0};
    if (!HashMark(chronicle, identity_.hash_key, to, &chunk.mark)) break;
    const Record* const records = collected_.data() + (next - collected_.begin());
    chunk.checksum = ChecksumOf(identity_.hash_key, chunk, records);
    const size_t record_bytes = static_cast<size_t>(count) * sizeof(Record);
    // Anything after the good bytes was left by a write that failed, or by a writer that died.
    if (file.Truncate(good_bytes_) ||
        file.Append(BytesOf(&chunk), sizeof chunk, BytesOf(records), record_bytes)) {
      break;
    }
    good_bytes_ += sizeof chunk + record_bytes;
    known_end_ = to;
    next += static_cast<std::ptrdiff_t>(count);
  }
  collected_.erase(collected_.begin(), next);
}

void IdsFile::GiveUp() {
  identity_.path.clear();
  collected_.clear();
}

}  // namespace holdfast::dedupe
