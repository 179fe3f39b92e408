#include "dedupe/line_walker.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace holdfast::dedupe {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 18;

// Nearly every line is shorter than this.
constexpr size_t kFirstReadBytes = 4096;

// A buffer that has become larger than this, for long lines, is not kept for the next use.
constexpr size_t kMaxKeptBytes = 4 * kChunkBytes;

// True if a line that begins with `text` is no event for certain: it is too long, or it is long and has a NUL
// byte at the end of what was read of it, as in a hole. JSON has none (RFC 8259, 7).
bool IsNoEvent(std::string_view text, uint64_t max_line_bytes) {
  if (text.size() > max_line_bytes) return true;
  return text.size() > kMaxKeptBytes &&
         std::memchr(&text[text.size() - kChunkBytes], 0, kChunkBytes) != nullptr;
}

}  // namespace

LineWalker::LineWalker(const os::File& file, Range range, uint64_t max_line_bytes, Tail tail,
                       std::string* buffer)
    : file_(file),
      range_end_(range.end),
      max_line_bytes_(max_line_bytes),
      tail_(tail),
      buffer_(*buffer),
      end_(range.begin),
      read_end_(range.begin) {
  assert(range.begin <= range.end);
}

LineWalker::~LineWalker() {
  if (buffer_.size() > kMaxKeptBytes) buffer_ = std::string();
}

bool LineWalker::Next() {
  for (;;) {
    const char* const search = buffer_.data() + searched_;
    const auto* newline = static_cast<const char*>(std::memchr(search, '\n', filled_ - searched_));
    if (newline == nullptr) {
      searched_ = filled_;
      if (ReadMore()) continue;
      // What is left is a line without newline, if there is anything.
      if (error_ || tail_ == Tail::kLeaveUnfinished || end_ == range_end_) return false;
      line_ = {std::string_view(buffer_).substr(rest_, filled_ - rest_), end_};
      end_ = range_end_;
      return !in_long_line_ && line_.text.size() <= max_line_bytes_;
    }
    const auto length = static_cast<size_t>(newline - (buffer_.data() + rest_));
    line_ = {std::string_view(buffer_).substr(rest_, length), end_};
    rest_ = searched_ = rest_ + length + 1;
    end_ = read_end_ - (filled_ - rest_);
    const bool is_long = std::exchange(in_long_line_, false) || length > max_line_bytes_;
    if (!is_long) return true;
  }
}

// Reads the next bytes after those that were not returned yet; false at the end, and after an error.
bool LineWalker::ReadMore() {
  if (read_end_ == range_end_ || error_) return false;
  size_t kept = filled_ - rest_;
  if (IsNoEvent(std::string_view(buffer_).substr(rest_, kept), max_line_bytes_)) in_long_line_ = true;
  if (in_long_line_) kept = 0;
  // Once for each line, since a long one is read in many pieces.
  if (rest_ > 0) std::memmove(buffer_.data(), buffer_.data() + rest_, kept);
  const auto length = static_cast<size_t>(std::min<uint64_t>(range_end_ - read_end_, kChunkBytes));
  // There is no newline in a hole, which may be larger than the rest of the file.
  if (in_long_line_ && file_.IsHole(read_end_, length)) {
    rest_ = searched_ = filled_ = 0;
    read_end_ += length;
    return true;
  }
  if (buffer_.size() < kept + length) buffer_.resize(kept + length);
  rest_ = 0;
  searched_ = filled_ = kept;
  error_ = file_.ReadAt(read_end_, &buffer_[kept], length);
  if (error_) return false;
  filled_ += length;
  read_end_ += length;
  return true;
}

os::Error FindLastLines(const os::File& file, uint64_t size, uint64_t max, LastLines* out) {
  assert(max > 0);
  *out = {};
  std::string chunk;
  bool has_newline = true;  // the chunk after this one
  for (uint64_t at = size; at > 0;) {
    chunk.resize(static_cast<size_t>(std::min<uint64_t>(at, kChunkBytes)));
    at -= chunk.size();
    if (!has_newline && file.IsHole(at, chunk.size())) continue;
    if (os::Error error = file.ReadAt(at, chunk.data(), chunk.size())) return error;
    has_newline = chunk.find('\n') != std::string::npos;
    for (size_t end = chunk.rfind('\n'); end != std::string::npos;
         end = end == 0 ? std::string::npos : chunk.rfind('\n', end - 1)) {
      // The newline at the very end closes the last line and begins none.
      if (at + end + 1 == size) continue;
      if (++out->count == max) {
        out->begin = at + end + 1;
        return {};
      }
    }
  }
  if (size > 0) ++out->count;
  return {};
}

os::Error ReadLineAt(const os::File& file, uint64_t offset, uint64_t max_line_bytes, std::string* line) {
  line->clear();
  uint64_t size = 0;
  if (os::Error error = file.Size(&size)) return error;
  for (size_t more = kFirstReadBytes; offset + line->size() < size; more *= 2) {
    const size_t before = line->size();
    line->resize(before + static_cast<size_t>(std::min<uint64_t>(more, size - offset - before)));
    if (os::Error error = file.ReadAt(offset + before, &(*line)[before], line->size() - before)) return error;
    const size_t newline = line->find('\n', before);
    if (newline != std::string::npos) {
      line->resize(newline);
      break;
    }
    if (IsNoEvent(*line, max_line_bytes)) {
      line->clear();
      return {};
    }
  }
  if (line->size() > max_line_bytes) line->clear();
  return {};
}

}  // namespace holdfast::dedupe
