#include "dedupe/hash.h"

#include <cstddef>
#include <cstring>

#include "dedupe/little_endian.h"

namespace holdfast::dedupe {
namespace {

// The names are those of the paper.
class SipState {
 public:
  explicit SipState(const HashKey& key)
      : v0_(key.first ^ 0x736f6d6570736575),
        v1_(key.second ^ 0x646f72616e646f6d),
        v2_(key.first ^ 0x6c7967656e657261),
        v3_(key.second ^ 0x7465646279746573) {}

  void Compress(uint64_t word) {
    v3_ ^= word;
    Rounds<2>();
    v0_ ^= word;
  }

  uint64_t Finish() {
    v2_ ^= 0xff;
    Rounds<4>();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  static uint64_t RotateLeft(uint64_t word, int bits) { return word << bits | word >> (64 - bits); }

  template <int kCount>
  void Rounds() {
    for (int round = 0; round < kCount; round++) {
      v0_ += v1_;
      v2_ += v3_;
      v1_ = RotateLeft(v1_, 13) ^ v0_;
      v3_ = RotateLeft(v3_, 16) ^ v2_;
      v0_ = RotateLeft(v0_, 32);
      v2_ += v1_;
      v0_ += v3_;
      v1_ = RotateLeft(v1_, 17) ^ v2_;
      v3_ = RotateLeft(v3_, 21) ^ v0_;
      v2_ = RotateLeft(v2_, 32);
    }
  }

  uint64_t v0_, v1_, v2_, v3_;
};

}  // namespace

uint64_t Hash(const HashKey& key, std::string_view text) {
  SipState state(key);
  const uint64_t length = text.size();
  for (; text.size() >= 8; text.remove_prefix(8)) {
    uint64_t word;
    std::memcpy(&word, text.data(), sizeof word);
    state.Compress(word);
  }
  // The bytes that are left, and above them the lowest byte of the length.
  uint64_t last = length << 56;
  for (size_t i = 0; i < text.size(); i++) last |= uint64_t{static_cast<unsigned char>(text[i])} << (8 * i);
  state.Compress(last);
  return state.Finish();
}

}  // namespace holdfast::dedupe
