// What the case table does not say of comparisons: equal and allclose.
#include "spiraltorch/ops/compare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "spiraltorch/spiraltorch.h"

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
