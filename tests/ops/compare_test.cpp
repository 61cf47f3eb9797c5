// What the case table does not say of comparisons: equal, allclose, logic of integers,
// and the operators of masks.
#include "spiraltorch/ops/compare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "spiraltorch/spiraltorch.h"
#include "tests/support/message.h"

namespace st {
namespace {

const float kInf = std::numeric_limits<float>::infinity(), kNaN = std::nanf("");

TEST(Equal, ShapeDtypeAndElements) {
  EXPECT_TRUE(equal(tensor({1.f, 2.f}), tensor({1.f, 2.f})));
  EXPECT_FALSE(equal(tensor({1.f, 2.f}), tensor({1.f, 3.f})));
  EXPECT_FALSE(equal(tensor({1.f, 2.f}), tensor({1, 2})));
  EXPECT_FALSE(equal(zeros({2, 1}), zeros({1, 2})));
  EXPECT_FALSE(equal(tensor({kNaN}), tensor({kNaN})));
  EXPECT_TRUE(equal(zeros({0}), zeros({0})));
}

TEST(Logical, AsksWhetherIntegersAreZeroNotForTheirBits) {
  const Tensor x = tensor({1, 2, 0, 0}), y = tensor({2, 2, -4, 0});
  EXPECT_TRUE(equal(logical_and(x, y), tensor({true, true, false, false})));
  EXPECT_TRUE(equal(logical_or(x, y), tensor({true, true, true, false})));
  EXPECT_TRUE(equal(logical_xor(x, y), tensor({false, false, true, false})));
}

TEST(MaskOperators, AreTheLogicalFunctions) {
  const Tensor x = tensor({true, true, false, false}), y = tensor({true, false, true, false});
  EXPECT_TRUE(equal(x & y, tensor({true, false, false, false})));
  EXPECT_TRUE(equal(x | y, tensor({true, true, true, false})));
  EXPECT_TRUE(equal(x ^ y, tensor({false, true, true, false})));
  EXPECT_TRUE(equal(~x, tensor({false, false, true, true})));
  EXPECT_EQ((unsqueeze(x, 1) & y).shape(), (Shape{4, 4}));
  const Tensor v = tensor({1.f, 5.f, 9.f});
  EXPECT_TRUE(equal((v > 2) & (v < 8), tensor({false, true, false})));
}

TEST(MaskOperators, RefuseOtherDTypes) {
  const Tensor mask = tensor({true, false}), number = tensor({1, 2});
  EXPECT_EQ(message<DTypeError>([&] { mask& number; }),
            "operator&: y is int64, expected bool: the operator joins masks, not bits; logical_and takes any "
            "dtype");
  EXPECT_EQ(
      message<DTypeError>([&] { number | mask; }),
      "operator|: x is int64, expected bool: the operator joins masks, not bits; logical_or takes any dtype");
  EXPECT_EQ(message<DTypeError>([&] { mask ^ number; }),
            "operator^: y is int64, expected bool: the operator joins masks, not bits; logical_xor takes any "
            "dtype");
  EXPECT_EQ(message<DTypeError>([&] { ~number; }),
            "operator~: x is int64, expected bool: the operator joins masks, not bits; logical_not takes any "
            "dtype");
}

TEST(AllClose, RelativeToTheSecond) {
  EXPECT_TRUE(allclose(tensor({100.f}), tensor({100.0009f})));
  EXPECT_FALSE(allclose(tensor({100.f}), tensor({100.01f})));
  EXPECT_TRUE(allclose(tensor({100.f}), tensor({101.f}), {.rtol = 0.01}));
  EXPECT_TRUE(allclose(tensor({0.f}), tensor({1e-9f})));
}

TEST(AllClose, InfinitiesAndNaN) {
  EXPECT_TRUE(allclose(tensor({kInf, -kInf}), tensor({kInf, -kInf})));
  EXPECT_FALSE(allclose(tensor({kInf}), tensor({-kInf})));
  EXPECT_FALSE(allclose(tensor({1.f}), tensor({kInf})));
  EXPECT_FALSE(allclose(tensor({kNaN}), tensor({kNaN})));
  EXPECT_TRUE(allclose(tensor({kNaN}), tensor({kNaN}), {.equal_nan = true}));
  EXPECT_THROW(allclose(tensor({1.f}), tensor({1})), DTypeError);
}

// torch: a number is rounded to the type it is compared in.
TEST(Compare, NumbersAreRoundedToTheDtype) {
  const Tensor tenth = tensor(0.1, DType::bfloat16);
  EXPECT_TRUE((tenth == 0.1).item<bool>());
  EXPECT_FALSE((tensor(3, DType::uint8) > -1).item<bool>());  // -1 as uint8 is 255
  const Tensor x = tensor(0.3, DType::bfloat16);
  x.requires_grad_();
  clamp(x, {}, 0.3).backward();
  EXPECT_EQ(x.grad().item<float>(), 1);
}

TEST(NaN, IsDifferentFromItself) {
  const Tensor x = tensor({1.f, kNaN, kInf});
  EXPECT_EQ((x != x).to_vector<bool>(), (std::vector<bool>{false, true, false}));
  EXPECT_EQ(isnan(x).to_vector<bool>(), (std::vector<bool>{false, true, false}));
  EXPECT_EQ(isfinite(x).to_vector<bool>(), (std::vector<bool>{true, false, false}));
}

}  // namespace
}  // namespace st
