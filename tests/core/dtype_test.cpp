// dtype: what the header promises.
#include "spiraltorch/core/dtype.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "spiraltorch/core/scalar.h"

namespace st {
namespace {

// Every float16 value goes through float and back; between neighbours the nearest wins, ties go to the even
// one.
TEST(Float16, RoundsToNearestEven) {
  for (uint32_t bits = 0; bits < 0x7c00; ++bits) {
    float16 h;
    h.bits = static_cast<uint16_t>(bits);
    const float value = static_cast<float>(h);
    EXPECT_EQ(float16(value).bits, bits);
    EXPECT_EQ(float16(-value).bits, bits | 0x8000);
    float16 next;
    next.bits = static_cast<uint16_t>(bits + 1);
    if (bits + 1 == 0x7c00) continue;
    const float middle = value + (static_cast<float>(next) - value) / 2;
    EXPECT_EQ(float16(middle).bits, bits % 2 == 0 ? bits : bits + 1);
    EXPECT_EQ(float16(std::nextafter(middle, 0.0f)).bits, bits);
    EXPECT_EQ(float16(std::nextafter(middle, 1e9f)).bits, bits + 1);
  }
}

TEST(Float16, OverflowsAtTheMiddleOfTheNextBinade) {
  EXPECT_EQ(float16(65519.996f).bits, 0x7bff);
  EXPECT_EQ(float16(65520.0f).bits, 0x7c00);
  EXPECT_EQ(float16(std::numeric_limits<float>::infinity()).bits, 0x7c00);
  EXPECT_TRUE(std::isnan(static_cast<float>(float16(std::nanf("")))));
  EXPECT_EQ(static_cast<float>(float16(-std::numeric_limits<float>::infinity())),
            -std::numeric_limits<float>::infinity());
}

TEST(Bfloat16, RoundsToNearestEvenAndKeepsNaN) {
  EXPECT_EQ(bfloat16(1.0f).bits, 0x3f80);
  EXPECT_EQ(bfloat16(1.00390625f).bits, 0x3f80);  // 1 + 2^-8: a tie, to even
  EXPECT_EQ(bfloat16(1.01171875f).bits, 0x3f82);  // 1 + 3 2^-8: a tie, to even
  EXPECT_EQ(bfloat16(std::nextafter(1.00390625f, 2.0f)).bits, 0x3f81);
  EXPECT_EQ(bfloat16(3.4e38f).bits, 0x7f80);  // rounds up to infinity
  EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(std::bit_cast<float>(0x7f800001u)))));
}

// torch.promote_types
TEST(Promote, AsPyTorch) {
  EXPECT_EQ(promote(DType::bool_, DType::uint8), DType::uint8);
  EXPECT_EQ(promote(DType::uint8, DType::int32), DType::int32);
  EXPECT_EQ(promote(DType::int64, DType::float16), DType::float16);
  EXPECT_EQ(promote(DType::bfloat16, DType::float16), DType::float32);
  EXPECT_EQ(promote(DType::float32, DType::float64), DType::float64);
}

TEST(Promote, NumbersCountByCategoryAlone) {
  EXPECT_EQ(promote(DType::int64, Scalar(2.5)), DType::float32);
  EXPECT_EQ(promote(DType::float16, Scalar(2.5)), DType::float16);
  EXPECT_EQ(promote(DType::bool_, Scalar(2)), DType::int64);
  EXPECT_EQ(promote(DType::uint8, Scalar(2)), DType::uint8);
  EXPECT_EQ(promote(DType::bool_, Scalar(true)), DType::bool_);
}

TEST(Convert, BetweenKinds) {
  EXPECT_EQ(convert<bool>(0.5f), true);
  EXPECT_EQ(convert<bool>(-0.0), false);
  EXPECT_EQ(convert<uint8_t>(-1.0f), 255);  // as PyTorch
  EXPECT_EQ(convert<int64_t>(-2.9), -2);
  EXPECT_EQ(static_cast<float>(convert<bfloat16>(3)), 3.0f);
  EXPECT_EQ(convert<double>(float16(0.5f)), 0.5);
}

TEST(Scalar, KeepsLargeIntegersExact) {
  const int64_t large = (int64_t{1} << 53) + 1;
  EXPECT_EQ(Scalar(large).to_int64(), large);
  EXPECT_EQ(to_text(Scalar(2.5)), "2.5");
  EXPECT_EQ(to_text(Scalar(7)), "7");
  EXPECT_EQ(to_text(Scalar(true)), "true");
}

}  // namespace
}  // namespace st
