// Lines of a file, read in bounded memory: all of them forwards, one at an offset, and where the last ones
// begin.
#ifndef HOLDFAST_DEDUPE_LINE_WALKER_H_
#define HOLDFAST_DEDUPE_LINE_WALKER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "os/file.h"

namespace holdfast::dedupe {

// What becomes of a last line that has no newline yet: another process may still be writing it.
enum class Tail { kLeaveUnfinished, kIncludeUnfinished };

// The bytes of a file from `begin`, where a line begins, to `end`.
struct Range {
  uint64_t begin = 0;
  uint64_t end = 0;
};

// One line of a file, without its newline.
struct Line {
  std::string_view text;
  uint64_t offset = 0;
};

// for (LineWalker lines(file, range, …); lines.Next();) use lines.line();
// Lines longer than `max_line_bytes`, and long ones with a hole in them, are passed over, whatever their
// length, without being kept in memory.
class LineWalker {
 public:
  // `buffer` is used while this lives, and may serve the next one too.
  LineWalker(const os::File& file, Range range, uint64_t max_line_bytes, Tail tail, std::string* buffer);
  ~LineWalker();
  LineWalker(const LineWalker&) = delete;
  LineWalker& operator=(const LineWalker&) = delete;

  // Goes to the next line; false after the last one, and after an error.
  bool Next();
  // Valid until the next call of Next.
  const Line& line() const { return line_; }
  // The error that ended it, if one did.
  os::Error error() const { return error_; }
  // Where the last line ends that was gone through, those that were passed over included.
  uint64_t end() const { return end_; }

 private:
  bool ReadMore();

  const os::File& file_;
  const uint64_t range_end_;
  const uint64_t max_line_bytes_;
  const Tail tail_;
  std::string& buffer_;

  Line line_;
  os::Error error_;
  uint64_t end_;
  uint64_t read_end_;          // up to where the file was read
  size_t rest_ = 0;            // where the bytes begin in the buffer that were not returned yet
  size_t searched_ = 0;        // up to where they were searched for a newline
  size_t filled_ = 0;          // how many bytes of the buffer are from the file
  bool in_long_line_ = false;  // what has been read of the line was dropped: it is no event
};

// Where the last lines of a file begin.
struct LastLines {
  uint64_t begin = 0;
  uint64_t count = 0;  // how many lines there are from there on
};

// Finds the last `max` lines of a file of `size` bytes, or all if there are fewer; an unfinished line counts.
os::Error FindLastLines(const os::File& file, uint64_t size, uint64_t max, LastLines* out);

// Reads the line that begins at `offset`; `line` is empty if the file ends before, or if the line is too
// long.
os::Error ReadLineAt(const os::File& file, uint64_t offset, uint64_t max_line_bytes, std::string* line);

}  // namespace holdfast::dedupe

#endif  // HOLDFAST_DEDUPE_LINE_WALKER_H_
