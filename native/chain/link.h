// The link of a line: what makes a chain of a chronicle's events. A line of a chained chronicle ends with
//
//     ,"chainLink":"<64 lowercase hexadecimal digits>"}
//
// which is the SHA-256 over the link before it, as its 64 digits, and the line without its own link and its
// newline: `{"total":42,"eventId":"order-42"}`. Before the first one it is kNoLink. What is hashed are bytes,
// not values, so that no byte of the file can change unseen.
//
// lib/event/chain-link.ts says the same, and test/native/chain.test.ts holds the two against each other.
#ifndef HOLDFAST_CHAIN_LINK_H_
#define HOLDFAST_CHAIN_LINK_H_

#include <string>
#include <string_view>

namespace holdfast::chain {

constexpr size_t kDigits = 64;
constexpr std::string_view kName = R"(,"chainLink":")";
// Of a line, from the comma on.
constexpr size_t kSuffixBytes = kName.size() + kDigits + 2;
constexpr std::string_view kNoLink = "0000000000000000000000000000000000000000000000000000000000000000";

// The link that a line carries, without newline; empty if it carries none.
std::string_view LinkIn(std::string_view line);

// The link that a line, which carries one, should carry after this one.
std::string LinkAfter(std::string_view before, std::string_view line);

}  // namespace holdfast::chain

#endif  // HOLDFAST_CHAIN_LINK_H_
