// SHA-256 (FIPS 180-4). Native code has no library for it on every runtime: the OpenSSL inside of Node is not
// there in Bun or Deno. test/native/unit/sha256_test.cc has the vectors of NIST, and
// test/native/sha256.test.ts holds it against node:crypto.
#ifndef HOLDFAST_CHAIN_SHA256_H_
#define HOLDFAST_CHAIN_SHA256_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::chain {

class Sha256 {
 public:
  void Add(std::string_view bytes);
  // The hash of all that was added, as 64 lowercase hexadecimal digits. Nothing may be added after it.
  std::string Hex();

 private:
  static constexpr size_t kBlockBytes = 64;

  void AddBlock(const unsigned char* block);

  std::array<uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, kBlockBytes> block_;
  uint64_t bytes_ = 0;
};

}  // namespace holdfast::chain

#endif  // HOLDFAST_CHAIN_SHA256_H_
