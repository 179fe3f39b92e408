// Finds the id in a line that holds an event.
//
// Native code recognises, TypeScript interprets: this goes through the strings and brackets of a line, and
// resolves the escapes of an id, but it does not check that the line is JSON. So what it finds is a hint. In
// a valid line it finds the id that JSON.parse finds, or none if that finds none. In a damaged line it may
// find one too; where that matters, TypeScript parses the line and decides.
#ifndef HOLDFAST_DEDUPE_ID_FINDER_H_
#define HOLDFAST_DEDUPE_ID_FINDER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "dedupe/hash.h"

namespace holdfast::dedupe {

// 64 bits that stand for an id. Two ids may have the same, so it is a hint as well. 0 stands for "no id".
using Fingerprint = uint64_t;

class IdFinder {
 public:
  // `key` is the property that holds an event's id, in UTF-8.
  explicit IdFinder(std::string key);

  // The id as it is written in the line, between its quotes; empty if there is none, or none but an empty
  // one. `line` has no newline.
  std::string_view Find(std::string_view line) const;

  // The property that holds an event's id.
  const std::string& key() const { return key_; }

  // True if two ids, as Find returns them, are the same.
  static bool Equal(std::string_view one, std::string_view other);

  // An id as a fingerprint, equal for equal ids whichever way JSON writes them.
  static Fingerprint FingerprintOf(const HashKey& hash_key, std::string_view id);

 private:
  std::string_view Walk(std::string_view line) const;
  bool IsKey(std::string_view name) const;

  const std::string key_;
  std::string
      quoted_;  // the key as JSON.stringify writes it; empty if something in it would have to be escaped
};

}  // namespace holdfast::dedupe

#endif  // HOLDFAST_DEDUPE_ID_FINDER_H_
