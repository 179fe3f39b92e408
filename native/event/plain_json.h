// The canonical form (RFC 8785) of the JSON of nearly every event: one that needs no more for it than to have
// its members in order. lib/event/canonical-json.ts knows all JSON, and what is not plain is left to it;
// test/chronicle/canonical-json.test.ts holds the two against each other.
//
// Plain is an object as JSON.stringify writes it, with
// - strings with no other escapes than those that RFC 8785 has, so without half surrogate pairs, and without
// U+FFFD,
//   in which Node-API turns such halves,
// - none of the characters that a line must not have (lib/event/characters.ts),
// - names without escapes, without what is two units in UTF-16, by which they are sorted, and each only once,
// - numbers of at most 15 digits without exponent, which are exact in a double, and written as JavaScript
// does,
// - not more than kMaxDepth objects and arrays in each other.
#ifndef HOLDFAST_EVENT_PLAIN_JSON_H_
#define HOLDFAST_EVENT_PLAIN_JSON_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::event {

class PlainJson {
 public:
  // The canonical form, valid until the next call and as long as `json`; empty if it is not plain.
  std::string_view Canonical(std::string_view json);

 private:
  static constexpr int kMaxDepth = 64;

  // A member of an object that is being read: its name, and where it stands in canonical_, with its name.
  struct Member {
    std::string_view name;
    size_t begin;
    size_t end;
  };

  // Each of these takes what begins at at_, and writes it to canonical_; false if it is not plain.
  bool Value(int depth);
  bool Object(int depth);
  bool Array(int depth);
  bool String();
  bool Number();
  bool Literal(std::string_view literal);

  // Takes one character, if it is this one.
  bool Take(char character);
  // What was taken from `begin` on is written as it is.
  void Write(const char* begin) { canonical_.append(begin, static_cast<size_t>(at_ - begin)); }
  // Puts the members from `first` on in order, which stand in canonical_ from `begin` on, each with a comma
  // behind it; false if two have the same name.
  bool Sort(size_t first, size_t begin);

  const char* at_ = nullptr;
  const char* end_ = nullptr;
  std::string canonical_;
  // Of all objects that are being read, the innermost last.
  std::vector<Member> members_;
  std::string sorted_;
};

}  // namespace holdfast::event

#endif  // HOLDFAST_EVENT_PLAIN_JSON_H_
