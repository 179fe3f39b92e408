// What a line of a chronicle is, as far as its bytes tell. No other native file knows this.
//
// What is said here is only a hint: lib/event/line.ts (parseLine) has the last word on every line for which
// it matters. The two may differ in one direction:
// - What parseLine calls an event is always one here. The opposite does not hold: here, anything between
//   braces is an event, also if it is not JSON, not UTF-8 or too long.
// - A byte order mark is skipped at the beginning of every line here, and by parseLine only at the beginning
//   of the file. Native code need not know the offset of a line, and a hint may be too generous.
// - What is blank here is always blank there. A line of nothing but a byte order mark is blank only there.
// test/native/unit.test.ts holds the two against each other.
#ifndef HOLDFAST_READ_LINE_GRAMMAR_H_
#define HOLDFAST_READ_LINE_GRAMMAR_H_

#include <string_view>

namespace holdfast::read {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// White space of JSON (RFC 8259, 2) without the newline, which ends a line.
inline bool IsSpace(char byte) {
  return byte == ' ' || byte == '\t' || byte == '\r';
}

// A line without newline, byte order mark, and space around it; so "\r\n" ends a line too.
inline std::string_view Trim(std::string_view line) {
  if (line.substr(0, kByteOrderMark.size()) == kByteOrderMark) line.remove_prefix(kByteOrderMark.size());
  while (!line.empty() && IsSpace(line.front())) line.remove_prefix(1);
  while (!line.empty() && IsSpace(line.back())) line.remove_suffix(1);
  return line;
}

inline bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

// True for a line that looks like an event: an object from its first byte to its last.
inline bool IsEvent(std::string_view line) {
  line = Trim(line);
  return line.size() >= 2 && line.front() == '{' && line.back() == '}';
}

}  // namespace holdfast::read

#endif  // HOLDFAST_READ_LINE_GRAMMAR_H_
