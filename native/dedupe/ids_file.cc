#include "dedupe/ids_file.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "dedupe/hash.h"
#include "lock/mechanism.h"

namespace holdfast::dedupe {
namespace {

constexpr uint64_t kHeaderMagic = 0x3173646974736668;  // "hfstids1"
constexpr uint64_t kChunkMagic = 0x6b6e756863736469;   // "idschunk"
constexpr size_t kMaxRecords = 65'536;
constexpr uint64_t kFirstMarkBytes = 256;
constexpr uint64_t kLastMarkBytes = 4096;

// The shortest line of an event with an id, {"k":"i"} with its newline.
constexpr uint64_t kMinLineBytes = 10;

struct Header {
  uint64_t magic, key_hash, device, inode, checksum;
};

struct Chunk {
  uint64_t magic, from, to, mark, count, checksum;
};

std::string_view BytesOf(const void* data, size_t length) {
  return {static_cast<const char*>(data), length};
}

uint64_t ChecksumOf(const Header& header) {
  return Hash(BytesOf(&header, offsetof(Header, checksum)));
}

uint64_t ChecksumOf(const Chunk& chunk, const void* records, size_t length) {
  return Hash(BytesOf(&chunk, offsetof(Chunk, checksum))) ^ Hash(BytesOf(records, length));
}

// A hash of the chronicle's first bytes and of those before `end`, which hold the last event: they tell one
// file from another that was truncated and has grown again.
bool MarkOf(const os::File& chronicle, uint64_t end, uint64_t* mark) {
  std::string first(static_cast<size_t>(std::min(end, kFirstMarkBytes)), '\0');
  std::string last(static_cast<size_t>(std::min(end, kLastMarkBytes)), '\0');
  if (chronicle.ReadAt(0, first.data(), first.size())) return false;
  if (chronicle.ReadAt(end - last.size(), last.data(), last.size())) return false;
  *mark = Hash(first) * 31 + Hash(last);
  return true;
}

}  // namespace

uint64_t IdsFile::Load(std::string path, uint64_t key_hash, const os::File& chronicle, const os::FileId& id,
                       uint64_t size, const std::function<void(size_t)>& reserve, const Found& found) {
  path_ = std::move(path);
  key_hash_ = key_hash;
  chronicle_id_ = id;
  bytes_ = end_ = 0;
  collected_.clear();
  os::File file;
  if (size == 0 || os::File::OpenBeside(path_, chronicle, false, &file) || !HasHeader(file)) return 0;
  uint64_t length = 0;
  // There are no more of them than there can be events, whatever the file of ids says.
  if (!file.Size(&length)) {
    reserve(static_cast<size_t>(std::min(length / sizeof(Record), size / kMinLineBytes)));
  }
  bytes_ = sizeof(Header);
  ReadChunks(file, chronicle, found);
  return end_;
}

bool IdsFile::HasHeader(const os::File& file) const {
  Header header;
  if (file.ReadAt(0, reinterpret_cast<char*>(&header), sizeof header)) return false;
  return header.magic == kHeaderMagic && header.checksum == ChecksumOf(header) &&
         header.key_hash == key_hash_ && os::FileId{header.device, header.inode} == chronicle_id_;
}

void IdsFile::ReadChunks(const os::File& file, const os::File& chronicle, const Found& found) {
  uint64_t length = 0, size = 0;
  if (file.Size(&length) || chronicle.Size(&size)) return;
  std::vector<Record> records;
  while (length - bytes_ >= sizeof(Chunk)) {
    Chunk chunk;
    if (file.ReadAt(bytes_, reinterpret_cast<char*>(&chunk), sizeof chunk)) return;
    if (chunk.magic != kChunkMagic || chunk.from != end_ || chunk.to <= chunk.from || chunk.to > size) return;
    if (chunk.count > kMaxRecords || length - bytes_ - sizeof chunk < chunk.count * sizeof(Record)) return;
    records.resize(static_cast<size_t>(chunk.count));
    const size_t record_bytes = records.size() * sizeof(Record);
    if (file.ReadAt(bytes_ + sizeof chunk, reinterpret_cast<char*>(records.data()), record_bytes)) return;
    uint64_t mark = 0;
    if (chunk.checksum != ChecksumOf(chunk, records.data(), record_bytes)) return;
    if (!MarkOf(chronicle, chunk.to, &mark) || mark != chunk.mark) return;
    if (found) found(records);
    bytes_ += sizeof chunk + record_bytes;
    end_ = chunk.to;
  }
}

void IdsFile::Add(const os::File& chronicle, Fingerprint id, uint64_t offset) {
  if (path_.empty()) return;
  if (collected_.size() >= kMaxRecords) Save(chronicle, offset);
  // What cannot be saved now is saved later; but not kept in memory without bound.
  if (collected_.size() >= 2 * kMaxRecords) {
    path_.clear();
    collected_.clear();
    return;
  }
  collected_.push_back({id, offset});
}

void IdsFile::Save(const os::File& chronicle, uint64_t end) {
  if (path_.empty() || end <= end_ || collected_.empty()) return;
  os::File file;
  if (os::File::OpenBeside(path_, chronicle, true, &file)) return;
  os::Error error;
  const lock::Spec spec;
  if (lock::kFlock.try_lock(file, spec, &error) != lock::Attempt::kGranted) return;
  if (Begin(file)) {
    ReadChunks(file, chronicle, nullptr);  // what others appended meanwhile
    const auto known = std::find_if(collected_.begin(), collected_.end(),
                                    [this](const Record& record) { return record.offset >= end_; });
    collected_.erase(collected_.begin(), known);
    size_t at = 0;
    while (end > end_) {
      // Each as large as a reader takes, and each with an end of its own.
      const size_t count = std::min(collected_.size() - at, kMaxRecords);
      const uint64_t to = at + count == collected_.size() ? end : collected_[at + count].offset;
      Chunk chunk{kChunkMagic, end_, to, 0, count, 0};
      if (!MarkOf(chronicle, to, &chunk.mark)) break;
      chunk.checksum = ChecksumOf(chunk, collected_.data() + at, count * sizeof(Record));
      if (file.Truncate(bytes_) ||
          file.Append(reinterpret_cast<const char*>(&chunk), sizeof chunk,
                      reinterpret_cast<const char*>(collected_.data() + at), count * sizeof(Record))) {
        break;
      }
      bytes_ += sizeof chunk + count * sizeof(Record);
      end_ = to;
      at += count;
    }
    collected_.erase(collected_.begin(), collected_.begin() + static_cast<std::ptrdiff_t>(at));
  } else {
    path_.clear();
    collected_.clear();
  }
  lock::kFlock.unlock(file, spec);
}

// Makes the file ready for more chunks behind those that are known; false where what is known does not go on
// there.
bool IdsFile::Begin(const os::File& file) {
  if (HasHeader(file)) {
    uint64_t length = 0;
    if (bytes_ == 0) bytes_ = sizeof(Header);
    return !file.Size(&length) && length >= bytes_;
  }
  if (bytes_ > sizeof(Header)) return false;
  Header header{kHeaderMagic, key_hash_, chronicle_id_.device, chronicle_id_.inode, 0};
  header.checksum = ChecksumOf(header);
  bytes_ = sizeof header;
  return !file.Truncate(0) && !file.Append("", 0, reinterpret_cast<const char*>(&header), sizeof header);
}

}  // namespace holdfast::dedupe
