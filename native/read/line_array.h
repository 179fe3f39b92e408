// Lines as the text of one JSON array, so that one call of JavaScript's parser takes many of them, which is
// faster than a call, and a string, for each.
//
// A mere comma between them would not do. Two damaged lines can be one JSON value with a comma in between,
// and a third that holds two values makes up for it in number. So a separator stands between them, a number
// that nobody can have known who wrote the file: where every second element is that, the others are the
// lines.
#ifndef HOLDFAST_READ_LINE_ARRAY_H_
#define HOLDFAST_READ_LINE_ARRAY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::read {

class LineArray {
 public:
  // `[line,separator,line,separator,line]`, valid until the next call, and of each line the offset of its
  // newline as `ends`. 0 stands for a line that is blank, longer than `max_line_bytes`, or not in ASCII.
  // Empty where `lines` does not end in a newline, or holds more than `max_lines`.
  std::string_view Make(std::string_view lines, std::string_view separator, uint64_t max_line_bytes,
                        uint32_t* ends, size_t max_lines);

 private:
  std::string text_;
};

}  // namespace holdfast::read

#endif  // HOLDFAST_READ_LINE_ARRAY_H_
