// Mlr against its formula in PyTorch float64 (tests/reference/zspace_reference.py) and its flat limit.
#include "spiraltorch/nn/hyperbolic/mlr.h"

#include <gtest/gtest.h>

#include <cmath>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/geometry/manifold.h"
#include "spiraltorch/io/safetensors.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/matmul.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "tests/support/message.h"

namespace st::nn::hyperbolic {
namespace {

// The largest error as a part of the largest value of the row.
double worst(const Tensor& a, const Tensor& b) {
  const Tensor scale = amax(abs(b), -1, keepdim) + 1e-300;
  return max(abs(a.to(DType::float64) - b) / scale).item<double>();
}

TEST(Mlr, IsItsFormula) {
  const StateDict values = io::load_safetensors(SPIRALTORCH_TESTS_DIR "/nn/zspace.safetensors");
  for (double k : {-1.0, -0.25, -4.0}) {
    for (DType dtype : {DType::float64, DType::float32}) {
      // The last row has a gap of 2e-4: storing x in float32 moves it by 3e-4 of itself, and the order in
      // which |x|^2 is summed in float64 by 5e-13.
      const double value_bound = dtype == DType::float64 ? 1e-12 : 1e-4;
      const double grad_bound = dtype == DType::float64 ? 1e-11 : 2e-3;
      const auto value = [&](const char* name) { return values.at("mlr" + to_text(k) + "/" + name); };
      Mlr m("head", 4, 3, k);
      m.to(dtype);
      {
        const NoGradGuard guard;
        m.weight.copy_(value("weight"));
        m.bias.copy_(value("bias"));
      }
      const Tensor x = value("x").to(dtype).clone();
      x.requires_grad_();
      const Tensor y = m(x);
      EXPECT_LT(worst(y, value("y")), value_bound) << k;
      y.backward({.gradient = value("dy").to(dtype)});
      EXPECT_LT(worst(x.grad(), value("dx")), grad_bound) << k;
      EXPECT_LT(worst(m.weight.grad(), value("dweight")), grad_bound) << k;
      EXPECT_LT(worst(m.bias.grad(), value("dbias")), grad_bound) << k;
    }
  }
}

TEST(Mlr, NearFlatItIsLinear) {
  manual_seed(6);
  for (DType dtype : {DType::float64, DType::float32}) {
    Mlr m("head", 8, 5, -1e-8);
    m.to(dtype);
    const NoGradGuard guard;
    m.bias.copy_(tensor({-0.5, 0.0, 0.25, 1.0, -1.0}, dtype));
    const Tensor x = randn({20, 8}, dtype) * 0.3;
    const Tensor wide = x.to(DType::float64), z = m.weight.to(DType::float64), r = m.bias.to(DType::float64);
    const Tensor expected = (linear(wide, z) - r * sqrt(sum(z * z, -1))) * 4.0;
    EXPECT_LT(max(abs(m(x).to(DType::float64) - expected)).item<double>(), 1e-6);
  }
}

TEST(Mlr, GradientsAreFiniteAtTheEdges) {
  Mlr m("head", 2, 2);
  {
    const NoGradGuard guard;
    m.weight.copy_(tensor({{0.0, 0.0}, {1.0, -1.0}}, DType::float32));
  }
  const Tensor x = tensor({{0.0, 0.0}, {1.0, 0.0}, {0.0, -0.99999994}}, DType::float32).requires_grad_();
  const Tensor y = m(x);
  EXPECT_EQ(y.to_vector<float>()[0], 0);  // a row z = 0 gives 0
  sum(y).backward();
  for (const Tensor& t : {x, static_cast<const Tensor&>(m.weight), static_cast<const Tensor&>(m.bias)}) {
    EXPECT_TRUE(std::isfinite(sum(abs(t.grad())).item<double>()));
  }
  EXPECT_NE(x.grad().to_vector<float>()[0], 0);  // at the origin, too
}

TEST(Mlr, ItsWeightIsNoSetOfPoints) {
  const Mlr m("head", 4, 3);
  ASSERT_NE(m.weight.manifold(), nullptr);
  EXPECT_EQ(m.weight.manifold()->name(), "euclidean");
  EXPECT_TRUE(m.state_dict().metadata.empty());
  EXPECT_EQ(m.to_string(), "Mlr(in_features=4, classes=3, curvature=-1.0)");
  EXPECT_EQ(message<ValueError>([] { Mlr("h", 0, 1); }), "Mlr: features must be at least 1, got 0");
  EXPECT_EQ(message<ValueError>([] { Mlr("h", 1, 0); }), "Mlr: classes must be at least 1, got 0");
  EXPECT_EQ(message<ValueError>([] { Mlr("h", 1, 1, 1.0); }),
            "Mlr: curvature must be negative and finite, got 1");
  EXPECT_EQ(message<ShapeError>([] {
              Mlr("h", 2, 3)(zeros({4, 5}));
            }),
            "mlr: last dimension of x is 5, weight expects 2 (x: (4, 5), weight: (3, 2))");
}

}  // namespace
}  // namespace st::nn::hyperbolic
