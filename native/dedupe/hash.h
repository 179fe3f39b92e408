// A keyed hash, for fingerprints of ids, checksums and marks: SipHash-2-4 (Aumasson and Bernstein, "SipHash:
// a fast short-input PRF", 2012). Who does not know the key, which is random, cannot choose ids whose
// fingerprints are the same, however many he tries. By chance two of ten million are the same once in 370,000
// chronicles; so a fingerprint is a hint all the same, and what it leads to is looked at.
//
// It is part of the format of the file of ids (ids_format.h).
#ifndef HOLDFAST_DEDUPE_HASH_H_
#define HOLDFAST_DEDUPE_HASH_H_

#include <cstdint>
#include <string_view>

namespace holdfast::dedupe {

struct HashKey {
  uint64_t first = 0;
  uint64_t second = 0;
  friend bool operator==(const HashKey& one, const HashKey& other) {
    return one.first == other.first && one.second == other.second;
  }
};

uint64_t Hash(const HashKey& key, std::string_view text);

}  // namespace holdfast::dedupe

#endif  // HOLDFAST_DEDUPE_HASH_H_
