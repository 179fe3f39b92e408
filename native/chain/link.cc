#include "chain/link.h"

#include <algorithm>
#include <cassert>

#include "chain/sha256.h"

namespace holdfast::chain {

std::string_view LinkIn(std::string_view line) {
  if (line.size() <= kSuffixBytes) return {};
  const std::string_view suffix = line.substr(line.size() - kSuffixBytes);
  const std::string_view digits = suffix.substr(kName.size(), kDigits);
  const auto is_digit = [](char byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
  };
  const bool is_link = suffix.substr(0, kName.size()) == kName &&
                       suffix.substr(kName.size() + kDigits) == "\"}" &&
                       std::all_of(digits.begin(), digits.end(), is_digit);
  return is_link ? digits : std::string_view();
}

std::string LinkAfter(std::string_view before, std::string_view line) {
  assert(before.size() == kDigits && line.size() > kSuffixBytes);
  Sha256 hash;
  hash.Add(before);
  hash.Add(line.substr(0, line.size() - kSuffixBytes));
  hash.Add("}");
  return hash.Hex();
}

}  // namespace holdfast::chain
