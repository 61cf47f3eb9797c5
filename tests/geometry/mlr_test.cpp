// mlr against the same formula composed of ops, and its edges. Values of PyTorch: tests/nn/hyperbolic.
#include <gtest/gtest.h>

#include <cmath>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/autograd/gradcheck.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/core/parallel.h"
#include "spiraltorch/geometry/ball.h"
#include "spiraltorch/geometry/poincare_ball.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/matmul.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/message.h"

namespace st {
namespace {

// The formula, op by op.
Tensor naive(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& k) {
  const Tensor root_c = sqrt(-k), t = bias * 2.0 * root_c;
  const Tensor square = sum(weight * weight, -1), none = square == 0, length = sqrt(where(none, 1.0, square));
  const Tensor lambda = geometry::lambda_x(x, k, keepdim);
  const Tensor e = expm1(t), inverse = reciprocal(e + 1);
  const Tensor sinh_t = (e + e * inverse) * 0.5, cosh_t = (e + 1 + inverse) * 0.5;
  const Tensor along = linear(x, weight) * (cosh_t * root_c / length);
  return where(none, 0.0, asinh(lambda * along - (lambda - 1) * sinh_t) * length * 2.0 / root_c);
}

double largest(const Tensor& x) { return x.numel() ? max(abs(x)).item<double>() : 0; }
double error(const Tensor& a, const Tensor& b) {
  return largest(a.to(DType::float64) - b) / (largest(b) + 1e-300);
}

TEST(GeometryMlr, IsTheNaiveForm) {
  manual_seed(1);
  for (const double c : {1e-3, 1.0, 10.0}) {
    for (const int64_t n : {1, 4, 7, 130}) {
      for (const int64_t d : {1, 3, 8, 33}) {
        for (const int64_t classes : {1, 5, 16, 17, 40}) {
          SCOPED_TRACE(std::to_string(c) + " " + std::to_string(n) + " " + std::to_string(d) + " " +
                       std::to_string(classes));
          // within 6 / sqrt c, where the order of a sum of squares moves the gap by 1e-13 of it
          const Tensor x =
              PoincareBall(-c).random({n, d}, 0.8 / std::sqrt(c), DType::float64).requires_grad_();
          const Tensor w = randn({classes, d}, DType::float64).requires_grad_();
          const Tensor r = (randn({classes}, DType::float64) * (0.3 / std::sqrt(c))).requires_grad_();
          const Tensor k = tensor(-c, DType::float64).requires_grad_();
          const Tensor g = randn({n, classes}, DType::float64);
          const Tensor y = geometry::mlr(x, w, r, k), expected = naive(x, w, r, k);
          EXPECT_LT(error(y, expected), 1e-12);
          const auto grads = grad({y}, {x, w, r, k}, {.grad_outputs = {g}});
          const auto wanted = grad({expected}, {x, w, r, k}, {.grad_outputs = {g}});
          for (size_t i = 0; i < 3; ++i) EXPECT_LT(error(grads[i], wanted[i]), 1e-11) << i;
          EXPECT_LT(error(grads[3], wanted[3]), 1e-8);  // its terms cancel
          // float32 storage, float64 inside: what is left is the rounding of the results
          const auto narrow = [](const Tensor& t) { return t.detach().to(DType::float32); };
          const Tensor a = narrow(x).requires_grad_(), b = narrow(w).requires_grad_(),
                       e = narrow(r).requires_grad_();
          const auto wide = [](const Tensor& t) { return t.detach().to(DType::float64).requires_grad_(); };
          const Tensor xa = wide(a), wb = wide(b), re = wide(e);
          const Tensor single = geometry::mlr(a, b, e, -c), same = geometry::mlr(xa, wb, re, -c);
          EXPECT_EQ(single.dtype(), DType::float32);
          EXPECT_LT(error(single, same), 1e-7);
          const Tensor h = g.to(DType::float32);
          const auto got = grad({single}, {a, b, e}, {.grad_outputs = {h}});
          const auto exact = grad({same}, {xa, wb, re}, {.grad_outputs = {h.to(DType::float64)}});
          for (size_t i = 0; i < 3; ++i) EXPECT_LT(error(got[i], exact[i]), 1e-6) << i;
        }
      }
    }
  }
}

TEST(GeometryMlr, GradientsEqualCentralDifferences) {
  manual_seed(2);
  for (const double c : {0.3, 4.0}) {
    const Tensor x = PoincareBall(-c).random({2, 3, 4}, 1.0, DType::float64).requires_grad_();
    const Tensor w = randn({3, 4}, DType::float64).requires_grad_();
    const Tensor r = (randn({3}, DType::float64) * 0.3).requires_grad_();
    const Tensor k = tensor({-c}, DType::float64).requires_grad_();
    EXPECT_TRUE(gradcheck([](const std::vector<Tensor>& in)
                              -> std::vector<Tensor> { return {geometry::mlr(in[0], in[1], in[2], in[3])}; },
                          {x, w, r, k}));
  }
}

TEST(GeometryMlr, LayoutsThreadsAndEdges) {
  manual_seed(3);
  const int before = num_threads();
  const Tensor x = PoincareBall().random({1000, 20}), w = randn({30, 20}), r = randn({30}) * 0.3;
  const auto run = [&] {
    const Tensor a = x.clone().requires_grad_(), b = w.clone().requires_grad_(),
                 e = r.clone().requires_grad_();
    const Tensor y = geometry::mlr(a, b, e);
    auto all = grad({sum(y * y)}, {a, b, e});
    all.push_back(y.detach());
    return all;
  };
  set_num_threads(1);
  const auto one = run();
  set_num_threads(3);
  const auto three = run();
  set_num_threads(before);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_EQ(largest(one[i] - three[i]), 0) << i;

  const auto turned = [](const Tensor& t) { return t.transpose(0, 1).contiguous().transpose(0, 1); };
  EXPECT_EQ(largest(geometry::mlr(turned(x), turned(w), r) - one[3]), 0);
  EXPECT_EQ(largest(geometry::mlr(x.reshape({10, 100, 20}), w, r).reshape({1000, 30}) - one[3]), 0);
  EXPECT_EQ(geometry::mlr(x[0], w, r).shape(), Shape({30}));
  EXPECT_EQ(geometry::mlr(empty({0, 20}), w, r).shape(), Shape({0, 30}));
  EXPECT_EQ(geometry::mlr(x, empty({0, 20}), empty({0})).shape(), Shape({1000, 0}));
  const Tensor none = empty({0, 20}).requires_grad_(), leaf = w.clone().requires_grad_();
  sum(geometry::mlr(none, leaf, r)).backward();
  EXPECT_EQ(largest(leaf.grad()), 0);
  // on the boundary and beyond, and a class without a plane: finite, and NaN stays in its row
  Tensor wild = x.narrow(0, 0, 4).clone();
  wild[0].fill_(1.0 / std::sqrt(20.0));
  wild[1].fill_(7.0);
  Tensor planes = w.clone();
  planes[2].fill_(0.0);
  const Tensor edge = wild.requires_grad_(), z = planes.requires_grad_();
  const Tensor y = geometry::mlr(edge, z, r);
  EXPECT_EQ(largest(y.narrow(1, 2, 1)), 0);
  sum(y).backward();
  EXPECT_TRUE(std::isfinite(largest(y)) && std::isfinite(sum(abs(edge.grad())).item<double>()));
  EXPECT_EQ(largest(z.grad()[2]), 0);
  Tensor bad = x.narrow(0, 0, 6).clone();
  bad[5][3].fill_(std::nan(""));
  const auto values = geometry::mlr(bad, w, r).to_vector<float>();
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(std::isnan(values[i]), i >= 150) << i;
}

// Backward from the products that forward kept, and from products made anew: to the same bits.
TEST(GeometryMlr, KeptProductsChangeNothing) {
  manual_seed(5);
  const Tensor x = PoincareBall().random({300, 6}), w = randn({4000, 6}), r = randn({4000}) * 0.3;
  const Tensor g = randn({300, 4000});  // several chunks
  std::vector<Tensor> results[2];
  for (const bool keep : {false, true}) {
    const Tensor y = empty({300, 4000}), p = keep ? empty({300, 4000}, DType::float64) : Tensor();
    const Tensor dx = empty({300, 6}), dw = empty({4000, 6}), dr = empty({4000}),
                 dc = empty({1}, DType::float64);
    const Kernels& run = kernels(Device::cpu);
    run.hyperbolic_mlr(x.in(), w.in(), r.in(), 1.0, y.out(), keep ? p.out() : Out());
    run.hyperbolic_mlr_backward(x.in(), w.in(), r.in(), 1.0, p.in(), g.in(), dx.out(), dw.out(), dr.out(),
                                dc.out());
    results[keep] = {y, dx, dw, dr, dc};
  }
  for (size_t i = 0; i < results[0].size(); ++i) EXPECT_EQ(largest(results[0][i] - results[1][i]), 0) << i;
}

// Planes beyond everything: where sinh and cosh of 2 sqrt c r overflow, the logit still grows by 4 |z| for
// each unit of r, and so do its gradients.
TEST(GeometryMlr, PlanesFarAway) {
  manual_seed(4);
  for (const double c : {1e-3, 1.0, 10.0}) {
    const double unit = 1 / (2 * std::sqrt(c));
    const Tensor x = PoincareBall(-c).random({5, 3}, 0.5 / std::sqrt(c), DType::float64).requires_grad_();
    const Tensor w = randn({1, 3}, DType::float64).requires_grad_();
    const double slope = 4 * sqrt(sum(w * w)).item<double>();
    const auto at = [&](double t) {
      const Tensor r = tensor({t * unit}, DType::float64).requires_grad_(),
                   k = tensor(-c, DType::float64).requires_grad_();
      const Tensor y = geometry::mlr(x, w, r, k);
      auto all = grad({y}, {x, w, r, k}, {.grad_outputs = {ones_like(y)}});
      all.push_back(y.detach());
      return all;
    };
    for (const double sign : {-1.0, 1.0}) {
      // 255 and 257 stand on the two sides of where the form changes
      const auto near = at(sign * 255), next = at(sign * 257), far = at(sign * 2000);
      EXPECT_LT(error(next[4] - near[4], full({5, 1}, -sign * 2 * unit * slope, DType::float64)), 1e-12);
      EXPECT_LT(error(far[4] - near[4], full({5, 1}, -sign * 1745 * unit * slope, DType::float64)), 1e-12);
      for (const auto& g : {next, far}) {
        EXPECT_LT(error(g[0], near[0]), 1e-9);  // x moves the logit by a logarithm's part of it
        EXPECT_LT(error(g[2], full({1}, -5 * slope, DType::float64)), 1e-12);
      }
      // homogeneous in w, and by sqrt c times lengths: w dy/dw = y, and 2 k dy/dk + y = x dy/dx + r dy/dr
      for (const auto& g : {near, next, far}) {
        EXPECT_NEAR(sum(g[1] * w).item<double>() / sum(g[4]).item<double>(), 1, 1e-12);
      }
      for (const auto& [g, t] : {std::pair{near, 255.0}, std::pair{next, 257.0}, std::pair{far, 2000.0}}) {
        const double total = sum(g[4]).item<double>();
        const double scaled =
            (sum(g[0] * x).item<double>() + sign * t * unit * g[2].item<double>() - total) / 2;
        EXPECT_NEAR(g[3].item<double>() * -c / total, scaled / total, 1e-9);
      }
    }
  }
}

TEST(GeometryMlr, Errors) {
  const Tensor x = zeros({4, 3}), w = zeros({2, 3}), r = zeros({2});
  EXPECT_EQ(message<ShapeError>([&] {
              geometry::mlr(x, zeros({2, 5}), r);
            }),
            "mlr: last dimension of x is 3, weight expects 5 (x: (4, 3), weight: (2, 5))");
  EXPECT_EQ(message<ShapeError>([&] { geometry::mlr(x, w, zeros({3})); }),
            "mlr: expected weight (classes, d) and bias (classes), got (2, 3) and (3,)");
  EXPECT_EQ(message<ShapeError>([&] {
              geometry::mlr(x, w, r, tensor({-1.0, -2.0}));
            }),
            "mlr: curvature must be one number, but its shape is (2,)");
  EXPECT_EQ(message<ValueError>([&] { geometry::mlr(x, w, r, 1); }),
            "mlr: curvature is 1, expected a negative finite number");
  EXPECT_EQ(message<DTypeError>([&] { geometry::mlr(x.to(DType::bfloat16), w, r); }),
            "mlr: points and tangent vectors are float32 or float64, not bfloat16 (shape (4, 3))");
  const Tensor p = (zeros({2, 3}) + 0.1).requires_grad_();
  EXPECT_EQ(message<ValueError>([&] { grad({sum(geometry::mlr(p, w, r))}, {p}, {.create_graph = true}); }),
            "mlr: its gradient is fused and has no second derivative; create_graph cannot pass it");
}

}  // namespace
}  // namespace st
