// Lines as the text of one JSON array, so that one call of JSON.parse takes many of them, which is faster
// than a call, and a string, for each.
//
// A mere comma between them would not do: two damaged lines can be one JSON value with a comma in between,
// and a third line that holds two values makes the number right again. So a separator is put between them, a
// number that nobody who wrote to the file can have known. If every second element is that number, the others
// are the lines.
//
// This recognises lines and leaves it to TypeScript (lib/engines/file/lines/line-batch.ts) to interpret them.
#ifndef HOLDFAST_READ_LINE_ARRAY_H_
#define HOLDFAST_READ_LINE_ARRAY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::read {

class LineArray {
 public:
  // Returns `[line,separator,line,separator,line]`, valid until the next call, and in `ends` the offset of
  // each line's newline. A line that is blank, longer than `max_line_bytes` or not in ASCII is replaced by 0.
  // Returns nothing if `lines` does not end in a newline, or holds more than `max_lines`.
  std::string_view Make(std::string_view lines, std::string_view separator, uint64_t max_line_bytes,
                        uint32_t* ends, size_t max_lines);

 private:
  std::string text_;
};

}  // namespace holdfast::read

#endif  // HOLDFAST_READ_LINE_ARRAY_H_
