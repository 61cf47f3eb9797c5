// The normal fills: Box-Muller over blocks of 16, in float with the polynomials that PyTorch's AVX2 kernel
// uses, so that a seed gives the same weights bit for bit.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <mutex>
#include <numbers>

#include "spiraltorch/core/check.h"
#include "spiraltorch/core/error.h"
#include "spiraltorch/core/random.h"

namespace st {
namespace {

constexpr size_t kBlock = 16, kHalf = 8;

/// ln x for normal x > 0: x = 2^e m with m in [sqrt(1/2), sqrt 2), then Cephes' polynomial of degree 8 in m
/// - 1. Source: Moshier, Cephes Mathematical Library 2.2, logf.c.
[[gnu::always_inline]] inline float cephes_log(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const float m = std::bit_cast<float>((bits & 0x007FFFFFu) | 0x3F000000u);  // in [1/2, 1)
  const float exponent = static_cast<float>(static_cast<int32_t>(bits >> 23) - 126);
  const bool low = m < 0.707106781186547524f;
  const float e = exponent - (low ? 1.0f : 0.0f);
  const float d = m - 1 + (low ? m : 0.0f);
  const float d2 = d * d;
  float p = 7.0376836292e-2f;
  p = std::fma(p, d, -1.1514610310e-1f);
  p = std::fma(p, d, 1.1676998740e-1f);
  p = std::fma(p, d, -1.2420140846e-1f);
  p = std::fma(p, d, 1.4249322787e-1f);
  p = std::fma(p, d, -1.6668057665e-1f);
  p = std::fma(p, d, 2.0000714765e-1f);
  p = std::fma(p, d, -2.4999993993e-1f);
  p = std::fma(p, d, 3.3333331174e-1f);
  p = std::fma(p * d, d2, e * -2.12194440e-4f);  // ln 2 = 0.693359375 - 2.1219444e-4
  p = std::fma(d2, -0.5f, p);
  return std::fma(e, 0.693359375f, d + p);
}

struct SinCos {
  float sin, cos;
};

/// sin x and cos x for 0 <= x < 8192: x = j pi/4 + y with even j, pi/4 in three parts; then one polynomial
/// each. Source: Moshier, Cephes Mathematical Library 2.2, sinf.c.
[[gnu::always_inline]] inline SinCos cephes_sincos(float x) {
  const uint32_t j = static_cast<uint32_t>(static_cast<int32_t>(x * 1.27323954473516f) + 1) & ~1u;
  const float octant = static_cast<float>(static_cast<int32_t>(j));
  float y = std::fma(octant, -0.78515625f, x);
  y = std::fma(octant, -2.4187564849853515625e-4f, y);
  y = std::fma(octant, -3.77489497744594108e-8f, y);
  const float y2 = y * y;
  float c = 2.443315711809948e-5f;
  c = std::fma(c, y2, -1.388731625493765e-3f);
  c = std::fma(c, y2, 4.166664568298827e-2f);
  c = std::fma(c * y2, y2, y2 * -0.5f) + 1;
  float s = -1.9515295891e-4f;
  s = std::fma(s, y2, 8.3321608736e-3f);
  s = std::fma(s, y2, -1.6666654611e-1f);
  s = std::fma(s * y2, y, y);
  const bool swap = (j & 2) != 0;
  const uint32_t sin_sign = (j & 4) << 29, cos_sign = (~(j - 2) & 4) << 29;
  return {std::bit_cast<float>(std::bit_cast<uint32_t>(swap ? c : s) ^ sin_sign),
          std::bit_cast<float>(std::bit_cast<uint32_t>(swap ? s : c) ^ cos_sign)};
}

/// Turns whole blocks of 16 uniform values into normal ones. See `normal` in random.h.
[[gnu::always_inline]] inline void box_muller(std::span<float> x, float mean, float std) {
  for (float* block = x.data(); block != x.data() + x.size(); block += kBlock) {
    float r[kHalf], c[kHalf], s[kHalf];  // one loop a function: the compiler makes each one vector long
    for (size_t j = 0; j < kHalf; ++j) r[j] = -2 * cephes_log(1 - block[j]);
    for (size_t j = 0; j < kHalf; ++j) r[j] = std::sqrt(r[j]);
    for (size_t j = 0; j < kHalf; ++j) {
      const SinCos t = cephes_sincos(static_cast<float>(2 * std::numbers::pi) * block[j + kHalf]);
      c[j] = t.cos, s[j] = t.sin;
    }
    for (size_t j = 0; j < kHalf; ++j) {
      block[j] = std::fma(r[j] * c[j], std, mean);
      block[j + kHalf] = std::fma(r[j] * s[j], std, mean);
    }
  }
}

void box_muller_any(std::span<double> x, double mean, double std) {
  for (double* block = x.data(); block != x.data() + x.size(); block += kBlock) {
    for (size_t j = 0; j < kHalf; ++j) {
      const double r = std::sqrt(-2 * std::log(1 - block[j])), t = 2 * std::numbers::pi * block[j + kHalf];
      block[j] = std::fma(r * std::cos(t), std, mean);
      block[j + kHalf] = std::fma(r * std::sin(t), std, mean);
    }
  }
}

#if defined(__x86_64__)  // the same bits with and without the instruction, see random.cpp
[[gnu::target("avx2,fma")]] void box_muller_fma(std::span<float> x, float mean, float std) {
  box_muller(x, mean, std);
}
void box_muller_any(std::span<float> x, float mean, float std) {
  static const bool fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  fma ? box_muller_fma(x, mean, std) : box_muller(x, mean, std);
}
#else
void box_muller_any(std::span<float> x, float mean, float std) { box_muller(x, mean, std); }
#endif

enum class Tail { kDrawn, kSkipped };  // the size % 16 values that the last block overwrites

void unit_fill(std::span<float> out, Generator& gen) {
  std::array<uint32_t, 512> words;
  for (size_t begin = 0; begin < out.size(); begin += words.size()) {
    const size_t count = std::min(words.size(), out.size() - begin);
    gen.random(std::span(words).first(count));
    for (size_t i = 0; i < count; ++i) out[begin + i] = static_cast<float>(words[i] & 0xFFFFFF) * 0x1p-24f;
  }
}

void unit_fill(std::span<double> out, Generator& gen) {
  constexpr uint64_t kMask = (uint64_t{1} << 53) - 1;
  for (double& x : out) x = static_cast<double>(gen.random64() & kMask) * 0x1p-53;
}

template <class T>
void normal_fill(std::span<T> out, double mean, double std, Tail tail, Generator& gen) {
  check<ValueError>(std >= 0, "normal: std is {}, expected std >= 0", std);
  const std::lock_guard lock(gen.mutex());
  if (out.size() < kBlock) {
    for (T& x : out) x = static_cast<T>(std::fma(gen.next_normal(), std, mean));
    return;
  }
  const T mean_t = static_cast<T>(mean), std_t = static_cast<T>(std);
  const size_t rest = out.size() % kBlock, whole = out.size() - rest;
  constexpr size_t kChunk = 1024;  // stays in L1 between the two passes
  for (size_t begin = 0; begin < whole; begin += kChunk) {
    const std::span<T> part = out.subspan(begin, std::min(kChunk, whole - begin));
    unit_fill(part, gen);
    box_muller_any(part, mean_t, std_t);
  }
  if (rest == 0) return;
  if (tail == Tail::kDrawn) unit_fill(out.last(rest), gen);
  unit_fill(out.last(kBlock), gen);
  box_muller_any(out.last(kBlock), mean_t, std_t);
}

}  // namespace

void normal(std::span<float> out, double mean, double std, Generator& gen) {
  normal_fill(out, mean, std, Tail::kDrawn, gen);
}
void normal(std::span<double> out, double mean, double std, Generator& gen) {
  normal_fill(out, mean, std, Tail::kDrawn, gen);
}
void normal_for_16_bits(std::span<float> out, double mean, double std, Generator& gen) {
  normal_fill(out, mean, std, Tail::kSkipped, gen);
}

}  // namespace st
