// The blocks of SHA-256 by the instructions that many processors have for it: SHA-NI of x86, the
// cryptographic extension of ARMv8. Both do two to four of the 64 rounds at once; the sources are Intel's and
// Arm's manuals of their instructions. Whether the processor has them is asked when the addon runs, since a
// binary is built for all.
#include "chain/sha256.h"

#if defined(__x86_64__) || defined(_M_X64)
#define HOLDFAST_SHA256_X86
#include <immintrin.h>
#ifdef _MSC_VER
#include <intrin.h>
#define HOLDFAST_WITH_SHA
#else
#include <cpuid.h>
#define HOLDFAST_WITH_SHA __attribute__((target("sha,sse4.1,ssse3")))
#endif
#elif defined(__aarch64__) && (defined(__linux__) || defined(__APPLE__))
#define HOLDFAST_SHA256_ARM
#include <arm_neon.h>
#ifdef __linux__
#include <sys/auxv.h>
#endif
#ifdef __clang__
#define HOLDFAST_WITH_SHA __attribute__((target("sha2")))
#else
#define HOLDFAST_WITH_SHA __attribute__((target("+crypto")))
#endif
#endif

namespace holdfast::chain {

#if defined(HOLDFAST_SHA256_X86)

namespace {

// The registers of leaf `leaf`: eax, ebx, ecx, edx; zeros if there is none.
std::array<uint32_t, 4> Cpuid(uint32_t leaf) {
  std::array<uint32_t, 4> registers{};
#ifdef _MSC_VER
  int values[4];
  __cpuid(values, 0);
  if (static_cast<uint32_t>(values[0]) < leaf) return registers;
  __cpuidex(values, static_cast<int>(leaf), 0);
  for (size_t i = 0; i < 4; i++) registers[i] = static_cast<uint32_t>(values[i]);
#else
  __get_cpuid_count(leaf, 0, &registers[0], &registers[1], &registers[2], &registers[3]);
#endif
  return registers;
}

// The state is kept in the order that the instructions want: a, b, e and f in one register, from its highest
// lane down, c, d, g and h in the other.
HOLDFAST_WITH_SHA void AddBlocksX86(uint32_t* state, const unsigned char* blocks, size_t count) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i* const words = reinterpret_cast<__m128i*>(state);
  const __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128(words), 0xb1);
  const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(words + 1), 0x1b);
  __m128i abef = _mm_alignr_epi8(badc, efgh, 8);
  __m128i cdgh = _mm_blend_epi16(efgh, badc, 0xf0);
  for (; count > 0; count--, blocks += 64) {
    const __m128i abef_before = abef;
    const __m128i cdgh_before = cdgh;
    __m128i schedule[4];
    for (size_t i = 0; i < 4; i++) {
      const __m128i* const at = reinterpret_cast<const __m128i*>(blocks) + i;
      schedule[i] = _mm_shuffle_epi8(_mm_loadu_si128(at), big_endian);
    }
    for (size_t i = 0; i < 16; i++) {
      __m128i& now = schedule[i % 4];
      const __m128i constants = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kRoundConstants) + i);
      const __m128i sum = _mm_add_epi32(now, constants);
      // Each gives the new a, b, e and f; those before it are the new c, d, g and h.
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
      const __m128i& before2 = schedule[(i + 2) % 4];
      const __m128i& before1 = schedule[(i + 3) % 4];
      const __m128i small0 = _mm_sha256msg1_epu32(now, schedule[(i + 1) % 4]);
      now = _mm_sha256msg2_epu32(_mm_add_epi32(small0, _mm_alignr_epi8(before1, before2, 4)), before1);
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128(words, _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(words + 1, _mm_alignr_epi8(dchg, feba, 8));
}

}  // namespace

AddBlocks AddBlocksByInstructions() {
  const uint32_t general = Cpuid(1)[2];
  const bool has_ssse3 = general >> 9 & 1;
  const bool has_sse41 = general >> 19 & 1;
  const bool has_sha = Cpuid(7)[1] >> 29 & 1;
  return has_ssse3 && has_sse41 && has_sha ? AddBlocksX86 : nullptr;
}

#elif defined(HOLDFAST_SHA256_ARM)

namespace {

HOLDFAST_WITH_SHA void AddBlocksArm(uint32_t* state, const unsigned char* blocks, size_t count) {
  uint32x4_t abcd = vld1q_u32(state);
  uint32x4_t efgh = vld1q_u32(state + 4);
  for (; count > 0; count--, blocks += 64) {
    const uint32x4_t abcd_before = abcd;
    const uint32x4_t efgh_before = efgh;
    uint32x4_t schedule[4];
    for (size_t i = 0; i < 4; i++) {
      schedule[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(blocks + 16 * i)));
    }
    for (size_t i = 0; i < 16; i++) {
      uint32x4_t& now = schedule[i % 4];
      const uint32x4_t sum = vaddq_u32(now, vld1q_u32(kRoundConstants + 4 * i));
      const uint32x4_t abcd_now = abcd;
      abcd = vsha256hq_u32(abcd, efgh, sum);
      efgh = vsha256h2q_u32(efgh, abcd_now, sum);
      const uint32x4_t small0 = vsha256su0q_u32(now, schedule[(i + 1) % 4]);
      now = vsha256su1q_u32(small0, schedule[(i + 2) % 4], schedule[(i + 3) % 4]);
    }
    abcd = vaddq_u32(abcd, abcd_before);
    efgh = vaddq_u32(efgh, efgh_before);
  }
  vst1q_u32(state, abcd);
  vst1q_u32(state + 4, efgh);
}

}  // namespace

AddBlocks AddBlocksByInstructions() {
#ifdef __linux__
  constexpr unsigned long kHasSha256 = 1 << 6;  // HWCAP_SHA2
  if (!(getauxval(AT_HWCAP) & kHasSha256)) return nullptr;
#endif
  return AddBlocksArm;
}

#else

AddBlocks AddBlocksByInstructions() {
  return nullptr;
}

#endif

}  // namespace holdfast::chain
