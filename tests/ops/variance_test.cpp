// Variances beside a large mean, where one pass, or float32, would lose every digit.
#include "spiraltorch/ops/variance.h"

#include <gtest/gtest.h>

#include <cmath>

#include "spiraltorch/spiraltorch.h"

namespace st {
namespace {

TEST(Variance, KeepsItsDigitsBesideALargeMean) {
  for (const DType dtype : {DType::float32, DType::float64}) {
    // 10000.25, 10000.5, 10001 and a hundred times as far: deviations -1/3, -1/12, 5/12.
    for (const double far : {1e4, 1e6}) {
      const Tensor x = tensor({0.25, 0.5, 1.0}, dtype) + far;
      EXPECT_NEAR(var(x).item<double>(), 7.0 / 48, 1e-8) << far;
      EXPECT_NEAR(st::std(x).item<double>(), std::sqrt(7.0 / 48), 2e-8) << far;
      const VarMean both = var_mean(x, 0, keepdim, {.correction = 0});
      EXPECT_NEAR(both.var.item<double>(), 7.0 / 72, 1e-8);
      EXPECT_NEAR(both.mean.item<double>(), far + 7.0 / 12, far * 1e-7);
      x.requires_grad_();
      const Tensor dx = grad({var(x)}, {x})[0];
      EXPECT_NEAR(dx[0].item<double>(), -1.0 / 3, 1e-7) << far;
      EXPECT_NEAR(dx[2].item<double>(), 5.0 / 12, 1e-7) << far;
    }
  }
}

TEST(Variance, OfLargeAndSmallNumbersHasAStandardDeviation) {
  for (const float size : {1e30f, 1e-30f}) {
    EXPECT_FLOAT_EQ(st::std(tensor({-size, 0.f, size})).item<float>(), size);
  }
}

TEST(Variance, OfTooFewNumbers) {
  EXPECT_TRUE(std::isnan(var(tensor({2.f})).item<float>()));
  EXPECT_TRUE(std::isnan(var(empty({0})).item<float>()));
  EXPECT_TRUE(std::isinf(var(tensor({1.f, 2.f}), {}, false, {.correction = 2}).item<float>()));
  EXPECT_EQ(var(tensor({2.f}), {}, false, {.correction = 0}).item<float>(), 0);
}

TEST(Variance, PassesNoGradientWhereTheDeviationIs0) {
  const Tensor x = tensor({3.f, 3.f}).requires_grad_();
  EXPECT_EQ(grad({st::std(x)}, {x})[0].to_vector<float>(), (std::vector<float>{0, 0}));
}

}  // namespace
}  // namespace st
