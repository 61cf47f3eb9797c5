// Conversions by vectors against those of core/dtype.h: the same bits for every 16-bit pattern, and for
// float32 around every border.
#include "spiraltorch/backend/cpu/convert.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <vector>

namespace st::cpu {
namespace {

template <class Half>
void check_widening() {
  std::vector<Half> x(65536);
  for (size_t i = 0; i < x.size(); ++i) x[i].bits = static_cast<uint16_t>(i);
  std::vector<float> y(x.size());
  vector_conversion(dtype_of<Half>(), DType::float32)(x.data(), y.data(), static_cast<int64_t>(x.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint32_t>(y[i]), std::bit_cast<uint32_t>(static_cast<float>(x[i]))) << i;
  }
}

template <class Half>
void check_narrowing() {
  std::vector<float> x;
  for (uint32_t i = 0; i < 65536; ++i) {  // each value, half-way to the next, and its neighbours
    Half h;
    h.bits = static_cast<uint16_t>(i);
    const uint32_t bits = std::bit_cast<uint32_t>(static_cast<float>(h));
    for (const uint32_t offset : {0u, 1u, 0x0fffu, 0x1000u, 0x1001u, 0x7fffu, 0x8000u, 0x8001u, 0xffffffffu})
      x.push_back(std::bit_cast<float>(bits + offset));
  }
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i) x.push_back(std::bit_cast<float>(static_cast<uint32_t>(random())));
  std::vector<Half> y(x.size());
  vector_conversion(DType::float32, dtype_of<Half>())(x.data(), y.data(), static_cast<int64_t>(x.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    ASSERT_EQ(y[i].bits, Half(x[i]).bits) << std::bit_cast<uint32_t>(x[i]);
  }
}

TEST(Convert, WidensEveryPattern) {
  check_widening<bfloat16>();
  check_widening<float16>();
}

TEST(Convert, NarrowsAsTheScalarConversion) {
  check_narrowing<bfloat16>();
  check_narrowing<float16>();
}

TEST(Convert, WritesNoFurtherThanAsked) {
  for (int64_t n = 0; n < 40; ++n) {
    std::vector<float> x(static_cast<size_t>(n), 1.5f);
    std::vector<bfloat16> y(static_cast<size_t>(n) + 1, bfloat16(7.f));
    vector_conversion(DType::float32, DType::bfloat16)(x.data(), y.data(), n);
    for (int64_t i = 0; i < n; ++i) EXPECT_EQ(static_cast<float>(y[static_cast<size_t>(i)]), 1.5f);
    EXPECT_EQ(static_cast<float>(y.back()), 7.f);
  }
}

TEST(Convert, KnowsItsPairsAlone) {
  EXPECT_EQ(vector_conversion(DType::float64, DType::bfloat16), nullptr);
  EXPECT_EQ(vector_conversion(DType::bfloat16, DType::float16), nullptr);
  EXPECT_EQ(vector_conversion(DType::int64, DType::float32), nullptr);
}

}  // namespace
}  // namespace st::cpu
