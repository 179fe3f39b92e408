// Finds the id in a line that holds an event, without parsing JSON.
//
// What it finds is a hint. It misses no id that a JSON parser would find in a valid line; but a damaged line
// may have one too, so JavaScript parses the lines for which it matters.
#ifndef HOLDFAST_DEDUPE_ID_FINDER_H_
#define HOLDFAST_DEDUPE_ID_FINDER_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::dedupe {

// What stands for an id: 64 bits of it. Zero stands for "no id".
using Fingerprint = uint64_t;

class IdFinder {
 public:
  // `key` is the property that holds an event's id, in UTF-8.
  explicit IdFinder(std::string key);

  // True for a line that looks like an event: an object from its first sign to its last.
  static bool IsEvent(std::string_view line);

  // The id as it stands in the file, between its quotes; empty where there is none. `line` has no newline.
  std::string_view Find(std::string_view line) const;

  // The same as a fingerprint, equal for equal ids whichever way JSON writes them.
  Fingerprint FingerprintOf(std::string_view id) const;

  // Tells one key from another.
  uint64_t key_hash() const;

  // True where two ids, as Find answers them, are the same.
  static bool Equal(std::string_view one, std::string_view other);

 private:
  std::string_view Walk(std::string_view line) const;
  bool IsKey(std::string_view name) const;

  const std::string key_;
  std::string quoted_;  // as JSON.stringify writes it where nothing has to be escaped; else empty
};

}  // namespace holdfast::dedupe

#endif  // HOLDFAST_DEDUPE_ID_FINDER_H_
