// A 64-bit hash of bytes, for fingerprints and checksums. It is no protection against an adversary, who can
// find collisions: a fingerprint is only a hint, and nothing that a checksum covers is believed for it alone.
//
// It is part of the format of the file of ids (ids_format.h).
#ifndef HOLDFAST_DEDUPE_HASH_H_
#define HOLDFAST_DEDUPE_HASH_H_

#include <cstdint>
#include <cstring>
#include <string_view>

#include "dedupe/little_endian.h"

namespace holdfast::dedupe {

// MurmurHash64A, by Austin Appleby, who placed it in the public domain.
inline uint64_t Hash(std::string_view text) {
  constexpr uint64_t kMultiplier = 0xc6a4a7935bd1e995;
  constexpr int kShift = 47;
  uint64_t hash = 0x686f6c6466617374 ^ (text.size() * kMultiplier);
  while (text.size() >= 8) {
    uint64_t part;
    std::memcpy(&part, text.data(), 8);
    part *= kMultiplier;
    part ^= part >> kShift;
    hash = (hash ^ part * kMultiplier) * kMultiplier;
    text.remove_prefix(8);
  }
  if (!text.empty()) {
    uint64_t part = 0;
    std::memcpy(&part, text.data(), text.size());
    hash = (hash ^ part) * kMultiplier;
  }
  hash = (hash ^ hash >> kShift) * kMultiplier;
  return hash ^ hash >> kShift;
}

}  // namespace holdfast::dedupe

#endif  // HOLDFAST_DEDUPE_HASH_H_
