#include "read/line_array.h"

#include <cassert>
#include <cstring>

#include "read/line_grammar.h"

namespace holdfast::read {
namespace {

char* Copy(char* to, std::string_view text) {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

bool IsAscii(std::string_view text) {
  uint64_t bits = 0;
  size_t i = 0;
  for (; i + sizeof bits <= text.size(); i += sizeof bits) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, sizeof word);
    bits |= word;
  }
  for (; i < text.size(); i++) bits |= static_cast<unsigned char>(text[i]);
  return (bits & 0x8080808080808080) == 0;
}

}  // namespace

std::string_view LineArray::Make(std::string_view lines, std::string_view separator, uint64_t max_line_bytes,
                                 uint32_t* ends, size_t max_lines) {
  if (lines.empty() || lines.back() != '\n') return {};
  assert(lines.size() <= UINT32_MAX);
  // A line becomes at least one byte (the "0"), and with it come the separator and two commas.
  const size_t max_bytes = lines.size() + max_lines * (1 + separator.size() + 2) + 2;
  if (text_.size() < max_bytes) text_.resize(max_bytes);
  char* to = text_.data();
  *to++ = '[';
  size_t count = 0;
  for (std::string_view rest = lines; !rest.empty(); count++) {
    if (count == max_lines) return {};
    const size_t length = rest.find('\n');
    if (length == std::string_view::npos) return {};  // the bytes are changed meanwhile
    const std::string_view line = rest.substr(0, length);
    rest.remove_prefix(line.size() + 1);
    if (count > 0) {
      *to++ = ',';
      to = Copy(to, separator);
      *to++ = ',';
    }
    const bool is_plain = line.size() <= max_line_bytes && !IsBlank(line) && IsAscii(line);
    to = Copy(to, is_plain ? line : "0");
    ends[count] = static_cast<uint32_t>(lines.size() - rest.size() - 1);
  }
  *to++ = ']';
  return {text_.data(), static_cast<size_t>(to - text_.data())};
}

}  // namespace holdfast::read
