#include "event/plain_json.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace holdfast::event {
namespace {

// What a string may hold that needs no second look.
constexpr std::array<bool, 256> kOrdinary = [] {
  std::array<bool, 256> ordinary{};
  for (size_t byte = 0x20; byte < 256; byte++) ordinary[byte] = true;
  ordinary['"'] = false;
  ordinary['\\'] = false;
  // With these begin U+0085, U+2028, U+2029 and U+FFFD in UTF-8.
  ordinary[0xc2] = false;
  ordinary[0xe2] = false;
  ordinary[0xef] = false;
  return ordinary;
}();

// How many characters from `at` on are ordinary, or a few less. Looks at eight at once.
size_t OrdinaryLength(const char* at, const char* end) {
  constexpr uint64_t kEach = 0x0101010101010101;
  const char* const begin = at;
  for (uint64_t word; static_cast<size_t>(end - at) >= sizeof word; at += sizeof word) {
    std::memcpy(&word, at, sizeof word);
    // Each has the highest bit of a byte that is below ' ', 0 or not in ASCII, or follows such a byte.
    const uint64_t controls = word - kEach * ' ';
    const uint64_t quotes = (word ^ kEach * '"') - kEach;
    const uint64_t backslashes = (word ^ kEach * '\\') - kEach;
    if ((word | controls | quotes | backslashes) & kEach * 0x80) break;
  }
  return static_cast<size_t>(at - begin);
}

bool IsDigit(char character) {
  return character >= '0' && character <= '9';
}

bool HasPrefix(const char* at, const char* end, std::string_view prefix) {
  return static_cast<size_t>(end - at) >= prefix.size() && std::memcmp(at, prefix.data(), prefix.size()) == 0;
}

// The characters of an escape at `at`, if RFC 8785 has it; 0 if not.
size_t EscapeLength(const char* at, const char* end) {
  if (end - at < 2) return 0;
  if (std::memchr("\"\\bfnrt", at[1], 7)) return 2;
  // All other control characters, as \u00xx with lowercase digits.
  if (end - at < 6 || !HasPrefix(at, end, "\\u00") || (at[4] != '0' && at[4] != '1')) return 0;
  const bool is_digit = IsDigit(at[5]) || (at[5] >= 'a' && at[5] <= 'f');
  if (!is_digit || (at[4] == '0' && std::memchr("89acd", at[5], 5))) return 0;
  return 6;
}

}  // namespace

std::string_view PlainJson::Canonical(std::string_view json) {
  at_ = json.data();
  end_ = at_ + json.size();
  canonical_.clear();
  canonical_.reserve(json.size());
  members_.clear();
  if (json.empty() || *at_ != '{' || !Object(1) || at_ != end_) return {};
  return canonical_;
}

bool PlainJson::Take(char character) {
  if (at_ == end_ || *at_ != character) return false;
  at_++;
  return true;
}

bool PlainJson::Value(int depth) {
  if (at_ == end_) return false;
  switch (*at_) {
    case '{':
      return Object(depth + 1);
    case '[':
      return Array(depth + 1);
    case '"': {
      const char* const begin = at_;
      if (!String()) return false;
      Write(begin);
      return true;
    }
    case 't':
      return Literal("true");
    case 'f':
      return Literal("false");
    case 'n':
      return Literal("null");
    default:
      return Number();
  }
}

bool PlainJson::Object(int depth) {
  if (depth > kMaxDepth) return false;
  at_++;
  canonical_ += '{';
  if (Take('}')) {
    canonical_ += '}';
    return true;
  }
  const size_t first = members_.size();
  const size_t begin = canonical_.size();
  bool is_sorted = true;
  do {
    const char* const quote = at_;
    if (!String()) return false;
    const std::string_view name(quote + 1, static_cast<size_t>(at_ - quote) - 2);
    for (const char byte : name) {
      if (byte == '\\' || static_cast<unsigned char>(byte) >= 0xf0) return false;
    }
    if (members_.size() > first && members_.back().name >= name) is_sorted = false;
    members_.push_back({name, canonical_.size(), 0});
    const size_t index = members_.size() - 1;
    if (!Take(':')) return false;
    Write(quote);
    if (!Value(depth)) return false;
    members_[index].end = canonical_.size();
    canonical_ += ',';
  } while (Take(','));
  if (!Take('}')) return false;
  if (!is_sorted && !Sort(first, begin)) return false;
  members_.resize(first);
  canonical_.back() = '}';
  return true;
}

bool PlainJson::Array(int depth) {
  if (depth > kMaxDepth) return false;
  at_++;
  canonical_ += '[';
  if (Take(']')) {
    canonical_ += ']';
    return true;
  }
  do {
    if (!Value(depth)) return false;
    canonical_ += ',';
  } while (Take(','));
  if (!Take(']')) return false;
  canonical_.back() = ']';
  return true;
}

bool PlainJson::String() {
  if (!Take('"')) return false;
  at_ += OrdinaryLength(at_, end_);
  for (; at_ != end_; at_++) {
    const auto byte = static_cast<unsigned char>(*at_);
    if (kOrdinary[byte]) continue;
    if (byte == '"') {
      at_++;
      return true;
    }
    if (byte == '\\') {
      const size_t length = EscapeLength(at_, end_);
      if (length == 0) return false;
      at_ += length - 1;
    } else if (byte < 0x20) {
      return false;
    } else {
      for (const std::string_view excluded : {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbf\xbd"}) {
        if (HasPrefix(at_, end_, excluded)) return false;
      }
    }
  }
  return false;
}

bool PlainJson::Number() {
  constexpr int kExactDigits = 15;
  // 0.000001; what is smaller is written with an exponent.
  constexpr int kMaxZeros = 5;
  const char* const begin = at_;
  const bool is_negative = Take('-');
  int digits = 0;
  const char* const integer = at_;
  while (at_ != end_ && IsDigit(*at_)) at_++;
  const auto length = at_ - integer;
  const bool is_zero = length > 0 && *integer == '0';
  if (length == 0 || length > kExactDigits || (is_zero && length > 1)) return false;
  if (!is_zero) digits = static_cast<int>(length);
  if (Take('.')) {
    const char* const fraction = at_;
    while (at_ != end_ && IsDigit(*at_)) at_++;
    auto count = at_ - fraction;
    if (count == 0 || at_[-1] == '0') return false;
    if (is_zero) {
      const char* significant = fraction;
      while (*significant == '0') significant++;
      if (significant - fraction > kMaxZeros) return false;
      count -= significant - fraction;
    }
    if (count > kExactDigits - digits) return false;
  } else if (is_zero && is_negative) {
    return false;
  }
  Write(begin);
  return true;
}

bool PlainJson::Literal(std::string_view literal) {
  if (!HasPrefix(at_, end_, literal)) return false;
  at_ += literal.size();
  canonical_ += literal;
  return true;
}

bool PlainJson::Sort(size_t first, size_t begin) {
  const auto members = members_.begin() + static_cast<std::ptrdiff_t>(first);
  std::sort(members, members_.end(),
            [](const Member& one, const Member& other) { return one.name < other.name; });
  sorted_.clear();
  for (auto member = members; member != members_.end(); ++member) {
    if (member != members && member[-1].name == member->name) return false;
    sorted_.append(canonical_, member->begin, member->end - member->begin);
    sorted_ += ',';
  }
  canonical_.replace(begin, std::string::npos, sorted_);
  return true;
}

}  // namespace holdfast::event
