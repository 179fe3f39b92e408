#include "append/journal_format.h"

#include <algorithm>
#include <cstring>

namespace holdfast::append::journal {
namespace {

template <typename T>
std::string_view Before(const T& whole, size_t end) {
  return {reinterpret_cast<const char*>(&whole), end};
}

template <typename T>
T At(std::string_view bytes, uint64_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

uint64_t ChecksumOf(const Record& record, const dedupe::HashKey& key) {
  return dedupe::Hash(key, Before(record, offsetof(Record, checksum)));
}

}  // namespace

uint64_t ChecksumOf(const Head& head) {
  return dedupe::Hash(head.key, Before(head, offsetof(Head, checksum)));
}

std::optional<Head> HeadIn(std::string_view bytes, uint64_t at) {
  if (bytes.size() < at + sizeof(Head)) return std::nullopt;
  const auto head = At<Head>(bytes, at);
  const bool is_whole = head.magic == kHeadMagic && head.checksum == ChecksumOf(head) && head.epoch != 0 &&
                        HeadAt(head.epoch) == at;
  return is_whole ? std::optional(head) : std::nullopt;
}

Record MakeRecord(const Head& head, uint64_t offset, std::string_view bytes) {
  Record record;
  record.epoch = head.epoch;
  record.offset = offset;
  record.length = bytes.size();
  record.hash = dedupe::Hash(head.key, bytes);
  record.checksum = ChecksumOf(record, head.key);
  return record;
}

bool IsRecord(const Record& record, const Head& head, uint64_t offset) {
  return record.magic == kRecordMagic && record.epoch == head.epoch && record.offset == offset &&
         record.length != 0 && record.checksum == ChecksumOf(record, head.key);
}

std::optional<Content> ContentOf(std::string_view bytes) {
  std::optional<Head> head = HeadIn(bytes, HeadAt(0));
  const std::optional<Head> other = HeadIn(bytes, HeadAt(1));
  if (!head || (other && other->epoch > head->epoch)) head = other;
  if (!head) return std::nullopt;
  Content content{*head, {}, At<uint64_t>(bytes, kSuspectAt) != 0};
  uint64_t offset = head->from;
  for (uint64_t at = kFirstRecord; bytes.size() - at >= sizeof(Record);) {
    const auto record = At<Record>(bytes, at);
    if (!IsRecord(record, *head, offset)) break;
    if (record.length > bytes.size() - at - sizeof record) break;
    const std::string_view piece = bytes.substr(at + sizeof record, record.length);
    if (dedupe::Hash(head->key, piece) != record.hash) break;
    content.pieces.push_back({offset, piece});
    offset += record.length;
    at += SpaceFor(record.length);
    if (at > bytes.size()) break;
  }
  return content;
}

Found Compare(std::string_view piece, std::string_view found) {
  const size_t length = std::min(piece.size(), found.size());
  if (std::memcmp(piece.data(), found.data(), length) == 0) {
    return length == piece.size() ? Found::kWhole : Found::kMissing;
  }
  for (size_t i = 0; i < length; i++) {
    if (found[i] != piece[i] && found[i] != '\0') return Found::kOther;
  }
  return Found::kMissing;
}

}  // namespace holdfast::append::journal
