// Marks: a few bytes that tell whether a file is still the one that was read, only longer.
//
// A file may be truncated, by `>` or by logrotate's copytruncate, and grow again past its old end. Then
// neither its identity nor its size shows that what was known of it is wrong. The bytes before the old end
// do: they hold the last event with its id, and another event is there now.
//
// TailMark is kept in memory and compared byte by byte before each use. HashMark goes into the file of ids,
// and is part of its format.
#ifndef HOLDFAST_DEDUPE_MARK_H_
#define HOLDFAST_DEDUPE_MARK_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "dedupe/hash.h"
#include "os/file.h"

namespace holdfast::dedupe {

// The mark is the last line, at most kMaxMarkBytes of it, so that it contains the event's id; but at least
// kMinMarkBytes, because a line can be short.
constexpr size_t kMaxMarkBytes = 4096;
constexpr size_t kMinMarkBytes = 96;

// Of bytes from a file, the mark of the offset where they end.
std::string_view MarkIn(std::string_view bytes);

class TailMark {
 public:
  // Up to where the file is known.
  uint64_t end() const { return end_; }
  // The byte before end(); at the beginning of a file, as if another line ended there.
  char last_byte() const { return bytes_.empty() ? '\n' : bytes_.back(); }

  // Moves the mark to `end`. On failure it stays where it was.
  os::Error Move(const os::File& file, uint64_t end);
  // The same after `written`, whole lines, was written up to `end`: then the file need not be read, unless
  // that is very short.
  os::Error MoveAfter(std::string_view written, const os::File& file, uint64_t end);

  // True if the file, which has `size`, still has these bytes before end().
  bool IsIn(const os::File& file, uint64_t size) const;

 private:
  uint64_t end_ = 0;
  std::string bytes_;
};

// A hash of the first kHeadMarkBytes of the file, or of what there is before `end`, and of the last
// kTailMarkBytes before it: Hash(key, first) * 31 + Hash(key, last). False if they could not be read.
constexpr size_t kHeadMarkBytes = 256;
constexpr size_t kTailMarkBytes = 4096;
bool HashMark(const os::File& file, const HashKey& key, uint64_t end, uint64_t* mark);

}  // namespace holdfast::dedupe

#endif  // HOLDFAST_DEDUPE_MARK_H_
