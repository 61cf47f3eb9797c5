// Norms of numbers whose squares float32 cannot hold.
#include "spiraltorch/ops/vector_norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "spiraltorch/spiraltorch.h"

namespace st {
namespace {

TEST(Norm, DoesNotOverflowOrVanish) {
  for (const float size : {1e30f, 1e-30f}) {
    const Tensor x = tensor({3 * size, -4 * size});
    EXPECT_FLOAT_EQ(norm(x).item<float>(), 5 * size);
    EXPECT_FLOAT_EQ(norm(x, 3).item<float>(), std::cbrt(91.f) * size);
    x.requires_grad_();
    const Tensor dx = grad({norm(x)}, {x})[0];
    EXPECT_FLOAT_EQ(dx[0].item<float>(), 0.6f);
    EXPECT_FLOAT_EQ(dx[1].item<float>(), -0.8f);
  }
}

TEST(Norm, HasNoGradientOfOrder0) {
  const Tensor x = tensor({3.f, 0.f, std::nanf("")}).requires_grad_(), y = norm(x, 0);
  EXPECT_EQ(y.item<float>(), 2);
  EXPECT_FALSE(grad({y}, {x}, {.allow_unused = true})[0].defined());
}

TEST(Normalize, GivesUnitVectors) {
  const Tensor x = tensor({{3, 4}, {0, 0}}, DType::float32);
  EXPECT_EQ(normalize(x).to_vector<float>(), (std::vector<float>{0.6f, 0.8f, 0, 0}));
  EXPECT_EQ(normalize(x, {.p = INFINITY, .dim = 0}).to_vector<float>(), (std::vector<float>{1, 1, 0, 0}));
}

}  // namespace
}  // namespace st
