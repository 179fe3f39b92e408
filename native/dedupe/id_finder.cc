#include "dedupe/id_finder.h"

#include <cstring>
#include <utility>

#include "read/line_grammar.h"

namespace holdfast::dedupe {
namespace {

int HexDigit(char byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

// The code unit that the four digits at `at` mean, after "\u"; -1 if they are none.
int CodeUnit(std::string_view text, size_t at) {
  if (at + 4 > text.size()) return -1;
  int unit = 0;
  for (size_t i = at; i < at + 4; i++) {
    const int digit = HexDigit(text[i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

void AppendUtf8(std::string* out, uint32_t code) {
  const auto add = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xc0 | code >> 6);
    add(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    add(0xe0 | code >> 12);
    add(0x80 | (code >> 6 & 0x3f));
    add(0x80 | (code & 0x3f));
  } else {
    add(0xf0 | code >> 18);
    add(0x80 | (code >> 12 & 0x3f));
    add(0x80 | (code >> 6 & 0x3f));
    add(0x80 | (code & 0x3f));
  }
}

// The content of a JSON string with its escapes resolved (RFC 8259, 7). An invalid escape may become
// anything: the line is no event then.
std::string Unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out.push_back(text[i]);
      continue;
    }
    static constexpr const char* kShort = "b\bf\fn\nr\rt\t";
    const char byte = text[++i];
    if (byte == 'u') {
      const int unit = CodeUnit(text, i + 1);
      if (unit < 0) {
        out += "\\u";
        continue;
      }
      i += 4;
      uint32_t code = static_cast<uint32_t>(unit);
      if (unit >= 0xd800 && unit < 0xdc00 && text.substr(i + 1, 2) == "\\u") {
        const int low = CodeUnit(text, i + 3);
        if (low >= 0xdc00 && low < 0xe000) {
          code = 0x10000 + (static_cast<uint32_t>(unit - 0xd800) << 10) + static_cast<uint32_t>(low - 0xdc00);
          i += 6;
        }
      }
      AppendUtf8(&out, code);
    } else {
      const char* found = std::strchr(kShort, byte);
      const bool is_short = byte != '\0' && found != nullptr && (found - kShort) % 2 == 0;
      out.push_back(is_short ? found[1] : byte);
    }
  }
  return out;
}

constexpr size_t kSha256Digits = 64;

// The index of the last quote before `end`.
size_t LastQuote(std::string_view line, size_t end) {
  // Nearly every id is a SHA-256 in hexadecimal digits, and searching forwards (memchr) is much faster than
  // searching backwards.
  if (end > kSha256Digits) {
    const size_t quote = end - kSha256Digits - 1;
    if (line[quote] == '"' && line.substr(quote + 1, kSha256Digits).find('"') == std::string_view::npos)
      return quote;
  }
  return line.rfind('"', end - 1);
}

bool HasEscape(std::string_view text) {
  return text.find('\\') != std::string_view::npos;
}

}  // namespace

IdFinder::IdFinder(std::string key) : key_(std::move(key)) {
  for (const char byte : key_) {
    if (static_cast<unsigned char>(byte) < 0x20 || byte == '"' || byte == '\\') return;
  }
  quoted_ = '"' + key_ + '"';
}

std::string_view IdFinder::Find(std::string_view line) const {
  line = read::Trim(line);
  // Most lines end with their id, because holdfast puts a computed id there: …,"key":"id"} without any
  // escape. In a valid line, these bytes can only be the last property of the object itself: what is between
  // the last two quotes is the last string, and the byte before the key's first quote shows that this quote
  // does not belong to a longer key.
  if (!quoted_.empty() && line.size() > quoted_.size() + 5 && line.substr(line.size() - 2) == "\"}") {
    const size_t end = line.size() - 2;
    const size_t quote = LastQuote(line, end);
    const size_t before = quoted_.size() + 2;
    if (quote != std::string_view::npos && quote >= before && line[quote - 1] == ':' &&
        line.compare(quote - 1 - quoted_.size(), quoted_.size(), quoted_) == 0 &&
        (line[quote - before] == ',' || line[quote - before] == '{')) {
      const std::string_view id = line.substr(quote + 1, end - quote - 1);
      if (!HasEscape(id)) return id;
    }
  }
  return Walk(line);
}

// Goes through the line from string to string, and counts how deep it is in brackets. If a property is there
// twice, the last one counts, as it does for JSON.parse.
std::string_view IdFinder::Walk(std::string_view line) const {
  std::string_view found;
  int depth = 0;
  bool is_key = false;  // the next string at depth 1 is a name
  for (size_t at = 0; at < line.size();) {
    switch (line[at++]) {
      case '{':
        is_key = ++depth == 1;
        break;
      case '[':
        depth++;
        break;
      case '}':
      case ']':
        depth--;
        break;
      case ',':
        is_key = depth == 1;
        break;
      case '"': {
        const size_t begin = at;
        while (at < line.size() && line[at] != '"') at += line[at] == '\\' ? 2 : 1;
        if (at >= line.size()) return {};
        const bool ours = depth == 1 && is_key && IsKey(line.substr(begin, at - begin));
        at++;
        if (!ours) break;
        while (at < line.size() && (read::IsSpace(line[at]) || line[at] == ':')) at++;
        if (at >= line.size() || line[at] != '"') {
          found = {};
          break;
        }
        const size_t value = ++at;
        while (at < line.size() && line[at] != '"') at += line[at] == '\\' ? 2 : 1;
        if (at >= line.size()) return {};
        found = line.substr(value, at - value);
        at++;
        is_key = false;
        break;
      }
      case ':':
        is_key = false;
        break;
      default:
        break;
    }
  }
  return found;
}

bool IdFinder::IsKey(std::string_view name) const {
  return HasEscape(name) ? Unescape(name) == key_ : name == key_;
}

Fingerprint IdFinder::FingerprintOf(const HashKey& hash_key, std::string_view id) {
  if (id.empty()) return 0;
  const Fingerprint hash = HasEscape(id) ? Hash(hash_key, Unescape(id)) : Hash(hash_key, id);
  return hash == 0 ? 1 : hash;
}

bool IdFinder::Equal(std::string_view one, std::string_view other) {
  const auto plain = [](std::string_view id) { return HasEscape(id) ? Unescape(id) : std::string(id); };
  return one == other || plain(one) == plain(other);
}

}  // namespace holdfast::dedupe
