#include "dedupe/mark.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace holdfast::dedupe {
namespace {

// The bytes before `end`, at most `max` of them.
os::Error ReadBefore(const os::File& file, uint64_t end, size_t max, std::string* out) {
  out->resize(static_cast<size_t>(std::min<uint64_t>(end, max)));
  return file.ReadAt(end - out->size(), out->data(), out->size());
}

}  // namespace

std::string_view MarkIn(std::string_view bytes) {
  if (bytes.size() > kMaxMarkBytes) bytes.remove_prefix(bytes.size() - kMaxMarkBytes);
  // The newline at the very end closes the last line.
  const size_t newline = bytes.size() < 2 ? std::string_view::npos : bytes.rfind('\n', bytes.size() - 2);
  const size_t last_line = newline == std::string_view::npos ? 0 : newline + 1;
  const size_t shortest = bytes.size() - std::min(bytes.size(), kMinMarkBytes);
  return bytes.substr(std::min(last_line, shortest));
}

os::Error TailMark::Move(const os::File& file, uint64_t end) {
  std::string bytes;
  if (os::Error error = ReadBefore(file, end, kMaxMarkBytes, &bytes)) return error;
  end_ = end;
  bytes_ = MarkIn(bytes);
  return {};
}

os::Error TailMark::MoveAfter(std::string_view written, const os::File& file, uint64_t end) {
  assert(!written.empty() && written.back() == '\n' && written.size() <= end);
  const std::string_view mark = MarkIn(written);
  // Shorter than any mark: it reaches back into the line before.
  if (mark.size() < kMinMarkBytes) return Move(file, end);
  end_ = end;
  bytes_ = mark;
  return {};
}

bool TailMark::IsIn(const os::File& file, uint64_t size) const {
  if (size < end_) return false;
  char now[kMaxMarkBytes];
  return !file.ReadAt(end_ - bytes_.size(), now, bytes_.size()) &&
         std::memcmp(now, bytes_.data(), bytes_.size()) == 0;
}

bool HashMark(const os::File& file, const HashKey& key, uint64_t end, uint64_t* mark) {
  std::string first(static_cast<size_t>(std::min<uint64_t>(end, kHeadMarkBytes)), '\0'), last;
  if (file.ReadAt(0, first.data(), first.size()) || ReadBefore(file, end, kTailMarkBytes, &last))
    return false;
  *mark = Hash(key, first) * 31 + Hash(key, last);
  return true;
}

}  // namespace holdfast::dedupe
