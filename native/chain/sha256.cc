#include "chain/sha256.h"

#include <algorithm>
#include <cstring>

namespace holdfast::chain {
namespace {

uint32_t Rotated(uint32_t word, int bits) {
  return word >> bits | word << (32 - bits);
}

void AddBlock(uint32_t* state, const unsigned char* block) {
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
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (size_t i = 0; i < 64; i++) {
    const uint32_t large1 = Rotated(e, 6) ^ Rotated(e, 11) ^ Rotated(e, 25);
    const uint32_t chosen = (e & f) ^ (~e & g);
    const uint32_t first = h + large1 + chosen + kRoundConstants[i] + schedule[i];
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
  for (size_t i = 0; i < 8; i++) state[i] += added[i];
}

}  // namespace

Sha256::Sha256() {
  static const AddBlocks fastest = [] {
    const AddBlocks instructions = AddBlocksByInstructions();
    return instructions ? instructions : AddBlocksPortably;
  }();
  add_blocks_ = fastest;
}

void Sha256::Add(std::string_view bytes) {
  size_t used = bytes_ % kBlockBytes;
  bytes_ += bytes.size();
  if (used > 0) {
    const size_t taken = std::min(bytes.size(), kBlockBytes - used);
    std::memcpy(&block_[used], bytes.data(), taken);
    bytes.remove_prefix(taken);
    used += taken;
    if (used < kBlockBytes) return;
    add_blocks_(state_.data(), block_.data(), 1);
  }
  const size_t whole = bytes.size() / kBlockBytes;
  if (whole > 0) {
    add_blocks_(state_.data(), reinterpret_cast<const unsigned char*>(bytes.data()), whole);
    bytes.remove_prefix(whole * kBlockBytes);
  }
  if (!bytes.empty()) std::memcpy(block_.data(), bytes.data(), bytes.size());
}

std::string Sha256::Hex() {
  const uint64_t bits = bytes_ * 8;
  const size_t zeros = (kBlockBytes * 2 - 9 - bytes_ % kBlockBytes) % kBlockBytes;
  std::array<char, kBlockBytes + 9> padding{static_cast<char>(0x80)};
  for (size_t i = 0; i < 8; i++) padding[1 + zeros + i] = static_cast<char>(bits >> (56 - 8 * i));
  Add({padding.data(), 1 + zeros + 8});
  std::string hex(state_.size() * 8, '\0');
  size_t at = 0;
  for (const uint32_t word : state_) {
    for (int shift = 28; shift >= 0; shift -= 4) hex[at++] = "0123456789abcdef"[word >> shift & 0xf];
  }
  return hex;
}

void AddBlocksPortably(uint32_t* state, const unsigned char* blocks, size_t count) {
  for (; count > 0; count--, blocks += 64) AddBlock(state, blocks);
}

}  // namespace holdfast::chain
