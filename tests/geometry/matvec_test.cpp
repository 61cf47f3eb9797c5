// mobius_matvec against exp_0(M log_0(x)) composed of ops, its gradients, layouts and edges. Against long
// double: ball_accuracy_test.cpp.
#include <gtest/gtest.h>

#include <cmath>

#include "spiraltorch/amp/autocast.h"
#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/autograd/gradcheck.h"
#include "spiraltorch/backend/ball.h"
#include "spiraltorch/core/parallel.h"
#include "spiraltorch/geometry/ball.h"
#include "spiraltorch/geometry/poincare_ball.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/matmul.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/autocast.h"
#include "tests/support/message.h"

namespace st {
namespace {

using geometry::mobius_matvec;

Tensor composed(const Tensor& m, const Tensor& x, const geometry::Curvature& k) {
  return geometry::expmap0(matmul(geometry::logmap0(x, k), m.transpose(0, 1)), k);
}
double largest(const Tensor& x) { return x.numel() ? max(abs(x)).item<double>() : 0; }
double error(const Tensor& a, const Tensor& b) {
  return largest(a.to(DType::float64) - b) / (largest(b) + 1e-300);
}
// What flows into m, x and k.
std::vector<Tensor> gradients(const Tensor& z, const std::vector<Tensor>& in, const Tensor& g) {
  return grad({z}, in, {.grad_outputs = {g.to(z.dtype())}});
}

TEST(MobiusMatvec, IsTheComposedForm) {
  manual_seed(1);
  for (const double c : {1e-3, 1.0, 10.0}) {
    for (const auto& [n, d, h] : std::vector<std::array<int64_t, 3>>{
             {1, 1, 1}, {3, 5, 2}, {70, 8, 16}, {130, 33, 7}, {65, 1, 9}, {4500, 3, 2}, {65, 9000, 2}}) {
      SCOPED_TRACE(std::to_string(c) + " " + std::to_string(n) + " " + std::to_string(d) + " " +
                   std::to_string(h));
      const Tensor x =
          geometry::expmap0(randn({n, d}, DType::float64) / std::sqrt(c * static_cast<double>(d)), -c)
              .detach()
              .requires_grad_();
      const Tensor m =
          (randn({h, d}, DType::float64) * (0.3 / std::sqrt(static_cast<double>(d)))).requires_grad_();
      const Tensor k = tensor(-c, DType::float64).requires_grad_(), g = randn({n, h}, DType::float64);
      const Tensor z = mobius_matvec(m, x, k), expected = composed(m, x, k);
      EXPECT_LT(error(z, expected), 1e-14);  // a few units in the last place of a sum of d terms
      const auto got = gradients(z, {m, x, k}, g), wanted = gradients(expected, {m, x, k}, g);
      for (size_t i = 0; i < 3; ++i) EXPECT_LT(error(got[i], wanted[i]), 1e-12) << i;
      // float32 storage, float64 inside: what is left is one rounding of each result
      const Tensor a = m.detach().to(DType::float32).requires_grad_(),
                   b = x.detach().to(DType::float32).requires_grad_();
      const Tensor wide_a = a.detach().to(DType::float64).requires_grad_(),
                   wide_b = b.detach().to(DType::float64).requires_grad_();
      const Tensor single = mobius_matvec(a, b, -c), same = composed(wide_a, wide_b, -c);
      EXPECT_EQ(single.dtype(), DType::float32);
      EXPECT_LT(error(single, same), 6e-8);
      const Tensor narrow = g.to(DType::float32);
      const auto rounded = gradients(single, {a, b}, narrow),
                 exact = gradients(same, {wide_a, wide_b}, narrow);
      for (size_t i = 0; i < 2; ++i) EXPECT_LT(error(rounded[i], exact[i]), 6e-8) << i;
    }
  }
}

TEST(MobiusMatvec, GradientsEqualCentralDifferences) {
  manual_seed(2);
  const auto f = [](const std::vector<Tensor>& in) -> std::vector<Tensor> {
    return {mobius_matvec(in[0], in[1], in[2])};
  };
  for (const double k : {-1e-2, -0.5, -10.0}) {
    const Tensor x = (PoincareBall(k).random({2, 3, 4}, 1, DType::float64)).requires_grad_();
    const Tensor m = randn({5, 4}, DType::float64).requires_grad_();
    const GradcheckOptions options{.eps = 1e-6 * std::min(1.0, -k), .atol = 1e-5, .rtol = 1e-4};
    EXPECT_TRUE(gradcheck(f, {m, x, tensor(k, DType::float64).requires_grad_()}, options));
    // of every row its own, of every group, and more curvatures than points
    for (const Shape& shape : {Shape{3, 1}, Shape{2, 1, 1}, Shape{2, 2, 1, 1}}) {
      const Tensor rows =
          (full(shape, k, DType::float64) * (1 + rand(shape, DType::float64))).requires_grad_();
      EXPECT_TRUE(gradcheck(f, {m, x, rows}, options));
    }
    const Tensor few = full({3, 1}, k, DType::float64).requires_grad_();
    EXPECT_TRUE(gradcheck(f, {m, x.detach()[0][0].clone().requires_grad_(), few}, options));
  }
}

TEST(MobiusMatvec, LayoutsThreadsAndSizes) {
  manual_seed(3);
  const Tensor x = PoincareBall().random({5000, 20}), m = randn({30, 20}) * 0.3;
  const auto run = [&] {
    const Tensor a = m.clone().requires_grad_(), b = x.clone().requires_grad_();
    const Tensor k = tensor(-1.0).requires_grad_();
    const Tensor z = mobius_matvec(a, b, k);
    auto all = grad({sum(z * z)}, {a, b, k});
    all.push_back(z.detach());
    return all;
  };
  const int before = num_threads();
  set_num_threads(1);
  const auto one = run();
  set_num_threads(3);
  const auto three = run();
  set_num_threads(before);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_EQ(largest(one[i] - three[i]), 0) << i;

  const auto turned = [](const Tensor& t) { return t.transpose(0, 1).contiguous().transpose(0, 1); };
  const Tensor z = one[3];
  EXPECT_EQ(largest(mobius_matvec(turned(m), turned(x)) - z), 0);
  EXPECT_EQ(
      largest(mobius_matvec(m, x.reshape({10, 500, 20}).transpose(0, 1)).transpose(0, 1).reshape(z.shape()) -
              z),
      0);
  const Tensor strided = randn({5000, 30}), leaf = x.clone().requires_grad_(),
               same = x.clone().requires_grad_();
  mobius_matvec(m, leaf).backward({.gradient = turned(strided)});
  mobius_matvec(m, same).backward({.gradient = strided});
  EXPECT_EQ(largest(leaf.grad() - same.grad()), 0);
  EXPECT_EQ(largest(mobius_matvec(m, x[7]) - z[7]), 0);
  EXPECT_EQ(mobius_matvec(m.to(DType::float64), x).dtype(), DType::float64);

  EXPECT_EQ(mobius_matvec(m, empty({2, 0, 20})).shape(), Shape({2, 0, 30}));
  EXPECT_EQ(mobius_matvec(empty({0, 20}), x).shape(), Shape({5000, 0}));
  EXPECT_EQ(largest(mobius_matvec(empty({4, 0}), empty({3, 0}))), 0);
  const Tensor none = empty({0, 20}).requires_grad_(), matrix = m.clone().requires_grad_();
  const Tensor k = tensor(-1.0).requires_grad_();
  sum(mobius_matvec(matrix, none, k)).backward();
  EXPECT_EQ(largest(matrix.grad()), 0);
  EXPECT_EQ(k.grad().item<float>(), 0);
}

TEST(MobiusMatvec, FiniteAndInsideEverywhere) {
  manual_seed(4);
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const double k : {-1e-3, -1.0, -10.0}) {
      const double radius = 1 / std::sqrt(-k);
      const Tensor u = randn({6, 4}, dtype), unit = u / sqrt(sum(u * u, -1, keepdim));
      for (const double place : {0.0, 1e-30, 0.5, 1 - 1e-7, 1.0, 1.5, 1e6}) {
        for (const double size : {0.0, 1e-30, 1.0, 30.0, 1e6}) {
          SCOPED_TRACE(to_text(dtype) + " " + std::to_string(k) + " " + std::to_string(place) + " " +
                       std::to_string(size));
          const Tensor x = (unit * (place * radius)).requires_grad_();
          const Tensor m = (randn({4, 4}, dtype) * size).requires_grad_();
          const Tensor curvature = tensor(k, DType::float64).requires_grad_();
          const Tensor z = mobius_matvec(m, x, curvature), wide = z.to(DType::float64);
          // as much as is promised, but for what rounding to the dtype moves
          EXPECT_GE(min(sum(wide * wide, -1) * k + 1).item<double>(), 0.5 * ball_gap(dtype));
          for (const Tensor& g : grad({z}, {m, x, curvature}, {.grad_outputs = {ones_like(z)}})) {
            EXPECT_TRUE(std::isfinite(largest(g)) && !std::isnan(sum(g).item<double>()));
          }
          if (place == 0 || size == 0) {
            EXPECT_EQ(largest(z), 0);
          }
        }
      }
    }
  }
  // a matrix that takes one point to the origin and not the other: the derivative there is that of s M x
  const Tensor m = tensor({{1.0, 0.0}}, DType::float64).requires_grad_();
  const Tensor x = tensor({{0.0, 0.5}, {0.5, 0.0}}, DType::float64).requires_grad_();
  const Tensor z = mobius_matvec(m, x);
  EXPECT_EQ(z.to_vector<double>()[0], 0);
  const auto g = gradients(z, {m, x}, tensor({1.0, 0.0}, DType::float64).reshape({2, 1}));
  const double l = std::atanh(0.5) / 0.5;
  EXPECT_NEAR(g[0].to_vector<double>()[1], 0.5 * l, 1e-15);
  EXPECT_NEAR(g[1].to_vector<double>()[0], l, 1e-15);
  // NaN stays in its row
  Tensor bad = PoincareBall().random({6, 2});
  bad[5][1].fill_(std::nan(""));
  const auto values = mobius_matvec(randn({3, 2}), bad).to_vector<float>();
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(std::isnan(values[i]), i >= 15) << i;
}

TEST(MobiusMatvec, Errors) {
  EXPECT_EQ(message<DTypeError>([] {
              mobius_matvec(zeros({2, 3}), zeros({4, 3}, DType::bfloat16));
            }),
            "mobius_matvec: points and tangent vectors are float32 or float64, not bfloat16 (shape (4, 3))");
  EXPECT_EQ(
      message<ShapeError>([] {
        mobius_matvec(zeros({2, 3}), zeros({4, 3}), full({5}, -1.0));
      }),
      "mobius_matvec: curvature must be 0-dim or give one number a row, (..., 1), but its shape is (5,) "
      "(x: (4, 3))");
  const Tensor p = (zeros({2, 3}) + 0.1).requires_grad_();
  EXPECT_EQ(message<ValueError>([&] { grad({sum(mobius_matvec(p, p))}, {p}, {.create_graph = true}); }),
            "mobius_matvec: its gradient is fused and has no second derivative; create_graph cannot pass it");
}

using MobiusMatvecUnderAutocast = test::ForcedBfloat16;
TEST_F(MobiusMatvecUnderAutocast, GivesTheSamePoints) {
  manual_seed(5);
  const Tensor x = PoincareBall().random({9, 5}), m = randn({4, 5});
  const Tensor expected = mobius_matvec(m, x);
  const amp::AutocastGuard guard(true);
  const Tensor z = mobius_matvec(m, x);
  EXPECT_EQ(z.dtype(), DType::float32);
  EXPECT_EQ(largest(z - expected), 0);
}

}  // namespace
}  // namespace st
