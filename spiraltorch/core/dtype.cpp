// Conversions of float16, names, and promotion as a ranking.
#include "spiraltorch/core/dtype.h"

#include <algorithm>
#include <cmath>

namespace st {

float16::float16(float value) {
  const uint32_t u = std::bit_cast<uint32_t>(value);
  const uint16_t sign = static_cast<uint16_t>(u >> 16 & 0x8000);
  const uint32_t magnitude = u & 0x7fffffff;
  if (magnitude > 0x7f800000) {
    bits = sign | 0x7e00;  // NaN
  } else if (magnitude >= 0x477ff000) {
    bits = sign | 0x7c00;  // rounds to 65536 or more: infinity
  } else if (magnitude < 0x38800000) {
    // Subnormal: a multiple of 2^-24, rounded by the addition of 0.5 (whose unit in the last place is 2^-24).
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    bits = sign | static_cast<uint16_t>(std::bit_cast<uint32_t>(shifted) - 0x3f000000);
  } else {
    const uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
    bits = sign | static_cast<uint16_t>((rounded - 0x38000000) >> 13);
  }
}

float16::operator float() const {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = bits >> 10 & 0x1f, mantissa = bits & 0x3ff;
  if (exponent == 0) {
    const float value = std::ldexp(static_cast<float>(mantissa), -24);
    return sign ? -value : value;
  }
  const uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | mantissa << 13);
}

std::string_view dtype_name(DType dtype) {
  constexpr std::string_view names[] = {"float32", "float64", "bfloat16", "float16",
                                        "int64",   "int32",   "uint8",    "bool"};
  return names[static_cast<size_t>(dtype)];
}

DType promote(DType a, DType b) {
  if (a == b) return a;
  // From the weakest to the strongest; the two 16-bit floating-point types share a rank.
  const auto rank = [](DType d) {
    constexpr int ranks[] = {5, 6, 4, 4, 3, 2, 1, 0};
    return ranks[static_cast<size_t>(d)];
  };
  if (rank(a) == rank(b)) return DType::float32;
  return rank(a) > rank(b) ? a : b;
}

}  // namespace st
