#include "chain/sha256.h"

#include <algorithm>
#include <cstring>

namespace holdfast::chain {
namespace {

// FIPS 180-4, 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes.
constexpr uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

uint32_t Rotated(uint32_t word, int bits) {
  return word >> bits | word << (32 - bits);
}

}  // namespace

void Sha256::Add(std::string_view bytes) {
  size_t used = bytes_ % kBlockBytes;
  bytes_ += bytes.size();
  if (used > 0) {
    const size_t taken = std::min(bytes.size(), kBlockBytes - used);
    std::memcpy(&block_[used], bytes.data(), taken);
    bytes.remove_prefix(taken);
    used += taken;
    if (used < kBlockBytes) return;
    AddBlock(block_.data());
  }
  for (; bytes.size() >= kBlockBytes; bytes.remove_prefix(kBlockBytes)) {
    AddBlock(reinterpret_cast<const unsigned char*>(bytes.data()));
  }
  if (!bytes.empty()) std::memcpy(block_.data(), bytes.data(), bytes.size());
}

std::string Sha256::Hex() {
  const uint64_t bits = bytes_ * 8;
  std::string padding(1 + (kBlockBytes * 2 - 9 - bytes_ % kBlockBytes) % kBlockBytes, '\0');
  padding[0] = static_cast<char>(0x80);
  for (int shift = 56; shift >= 0; shift -= 8) padding += static_cast<char>(bits >> shift);
  Add(padding);
  std::string hex;
  for (const uint32_t word : state_) {
    for (int shift = 28; shift >= 0; shift -= 4) hex += "0123456789abcdef"[word >> shift & 0xf];
  }
  return hex;
}

void Sha256::AddBlock(const unsigned char* block) {
  uint32_t schedule[64];
  for (size_t i = 0; i < 16; i++) {
    const unsigned char* const at = block + 4 * i;
    schedule[i] = uint32_t{at[0]} << 24 | uint32_t{at[1]} << 16 | uint32_t{at[2]} << 8 | at[3];
  }
  for (size_t i = 16; i < 64; i++) {
    const uint32_t before15 = schedule[i - 15];
    const uint32_t before2 = schedule[i - 2];
    const uint32_t small0 = Rotated(before15, 7) ^ Rotated(before15, 18) ^ before15 >> 3;
    const uint32_t small1 = Rotated(before2, 17) ^ Rotated(before2, 19) ^ before2 >> 10;
    schedule[i] = schedule[i - 16] + small0 + schedule[i - 7] + small1;
  }
  auto [a, b, c, d, e, f, g, h] = state_;
  for (size_t i = 0; i < 64; i++) {
    const uint32_t large1 = Rotated(e, 6) ^ Rotated(e, 11) ^ Rotated(e, 25);
    const uint32_t chosen = (e & f) ^ (~e & g);
    const uint32_t first = h + large1 + chosen + kRound[i] + schedule[i];
    const uint32_t large0 = Rotated(a, 2) ^ Rotated(a, 13) ^ Rotated(a, 22);
    const uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = d + first;
    d = c;
    c = b;
    b = a;
    a = first + large0 + majority;
  }
  const uint32_t added[] = {a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < state_.size(); i++) state_[i] += added[i];
}

}  // namespace holdfast::chain
