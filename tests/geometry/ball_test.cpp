// The maps of the Poincaré ball: gradients against central differences, identities, broadcasting, edges,
// error texts. Accuracy in float32: ball_accuracy_test.cpp.
#include "spiraltorch/geometry/ball.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/autograd/gradcheck.h"
#include "spiraltorch/backend/ball.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/core/parallel.h"
#include "spiraltorch/geometry/poincare_ball.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/join.h"
#include "spiraltorch/ops/matmul.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/message.h"
#include "tests/support/shadow_device.h"

namespace st {
namespace {

using namespace geometry;

// What every map takes, so that tables can run over them: x, y points, v a tangent vector.
struct NamedMap {
  const char* name;
  int inputs;
  std::function<Tensor(const Tensor&, const Tensor&, const Tensor&, const Curvature&)> call;
};
const std::vector<NamedMap>& maps() {
  using T = const Tensor&;
  using K = const Curvature&;
  static const std::vector<NamedMap> table = {
      {"mobius_add", 2, [](T x, T y, T, K k) { return mobius_add(x, y, k); }},
      {"mobius_scalar_mul", 1, [](T x, T, T, K k) { return mobius_scalar_mul(0.7, x, k); }},
      {"expmap", 3, [](T x, T, T v, K k) { return expmap(x, v, k); }},
      {"logmap", 2, [](T x, T y, T, K k) { return logmap(x, y, k); }},
      {"expmap0", 3, [](T, T, T v, K k) { return expmap0(v, k); }},
      {"logmap0", 1, [](T x, T, T, K k) { return logmap0(x, k); }},
      {"dist", 2, [](T x, T y, T, K k) { return dist(x, y, k); }},
      {"dist0", 1, [](T x, T, T, K k) { return dist0(x, k); }},
      {"transport", 3, [](T x, T y, T v, K k) { return transport(x, y, v, k); }},
      {"transport0", 3, [](T x, T, T v, K k) { return transport0(x, v, k); }},
      {"transport0_back", 3, [](T x, T, T v, K k) { return transport0_back(x, v, k); }},
      {"lambda_x", 1, [](T x, T, T, K k) { return lambda_x(x, k); }},
      {"inner", 3, [](T x, T y, T v, K k) { return inner(x, y, v, k); }},
      {"egrad2rgrad", 3, [](T x, T, T v, K k) { return egrad2rgrad(x, v, k); }},
      {"gyration", 3, [](T x, T y, T v, K k) { return gyration(x, y, v, k); }},
      {"project", 1, [](T x, T, T, K k) { return project(x, k); }},
  };
  return table;
}

// These and the maps of many points at once, of (n, d) x, y and v with d >= n.
std::vector<NamedMap> all_maps() {
  using T = const Tensor&;
  using K = const Curvature&;
  std::vector<NamedMap> table = maps();
  const std::vector<NamedMap> more = {
      {"scaled rows", 3, [](T x, T, T v, K k) { return mobius_scalar_mul(sum(v, -1, keepdim), x, k); }},
      {"mobius_matvec", 3, [](T x, T, T v, K k) { return mobius_matvec(v, x, k); }},
      {"mobius_matvec of points", 2, [](T x, T y, T, K k) { return mobius_matvec(y, x, k); }},
      {"cdist", 2, [](T x, T y, T, K k) { return geometry::cdist(x, y, k); }},
      {"weighted_midpoint", 2, [](T x, T y, T, K k) { return weighted_midpoint(x, y.select(1, 0), k); }},
      {"unweighted midpoint", 2,
       [](T x, T y, T, K k) {
         return weighted_midpoint(cat({x, y}, 0), {}, k);
       }},
      {"mlr", 3, [](T x, T y, T v, K k) { return mlr(x, y, v.select(1, 0), k); }},
      {"mlr of planes", 3, [](T x, T y, T v, K k) { return mlr(x, v, y.select(1, 0), k); }},
  };
  table.insert(table.end(), more.begin(), more.end());
  return table;
}

// Points at distances around spread / sqrt c from the origin of the ball of curvature k = -c.
Tensor points(const Shape& shape, double k, double spread = 1, DType dtype = DType::float64) {
  return PoincareBall(k).random(shape, spread / (2 * std::sqrt(-k)), dtype);
}
// 1 - c|x|^2 of each row, of what is stored.
Tensor gaps(const Tensor& x, double k) {
  const Tensor wide = x.to(DType::float64);
  return sum(wide * wide, -1) * k + 1;
}
double largest(const Tensor& x) { return x.numel() ? max(abs(x)).item<double>() : 0; }
bool all_finite(const Tensor& x) {
  for (const double e : x.to_vector<double>()) {
    if (!std::isfinite(e)) return false;
  }
  return true;
}

TEST(Ball, GradientsEqualCentralDifferences) {
  manual_seed(1);
  for (const double k : {-1e-3, -0.3, -1.0, -10.0}) {
    for (const NamedMap& map : maps()) {
      SCOPED_TRACE(std::string(map.name) + " " + std::to_string(k));
      const Tensor x = points({3, 5}, k).requires_grad_(), y = points({3, 5}, k).requires_grad_();
      const Tensor v = (randn({3, 5}, DType::float64) * (0.5 / std::sqrt(-k))).requires_grad_();
      const Tensor curvature = tensor(k, DType::float64).requires_grad_();
      const auto f = [&](const std::vector<Tensor>& in) -> std::vector<Tensor> {
        return {map.call(in[0], in[1], in[2], in[3]) + 0 * sum(in[0]) * sum(in[1]) * sum(in[2]) * in[3]};
      };
      // a step small against |k|, and tolerances against the gradient's size
      EXPECT_TRUE(gradcheck(f, {x, y, v, curvature},
                            {.eps = 1e-6 * std::min(1.0, -k * 10), .atol = 1e-5, .rtol = 2e-4}));
    }
  }
}

// What is asked for alone is what is asked for together, but for the rounding of another order of float32
// sums: where the curvature needs no gradient, backward may take what forward kept.
TEST(Ball, EveryGradientAlone) {
  manual_seed(2);
  for (const NamedMap& map : all_maps()) {
    for (const DType dtype : {DType::float32, DType::float64}) {
      for (const int64_t d : {5, 40}) {
        SCOPED_TRACE(format_text("{} {} {}", {map.name, to_text(dtype), to_text(d)}));
        const Tensor x = points({4, d}, -1, 1, dtype), y = points({4, d}, -1, 1, dtype),
                     v = (randn({4, d}) * 0.1).to(dtype), k = tensor(-1.0, DType::float64);
        const auto gradients = [&](const std::vector<int>& wanted) {
          const std::vector<Tensor> inputs = {x.clone(), y.clone(), v.clone(), k.clone()};
          std::vector<Tensor> asked;
          for (const int i : wanted) asked.push_back(inputs[static_cast<size_t>(i)].requires_grad_());
          const Tensor z = map.call(inputs[0], inputs[1], inputs[2], inputs[3]);
          if (!z.requires_grad()) return std::vector<Tensor>(asked.size());
          return grad({sum(z * z)}, asked, {.allow_unused = true});
        };
        const auto all = gradients({0, 1, 2, 3});
        for (const int i : {0, 1, 2, 3}) {
          const Tensor alone = gradients({i})[0], &together = all[static_cast<size_t>(i)];
          EXPECT_EQ(alone.defined(), together.defined()) << i;
          if (alone.defined()) {
            EXPECT_LE(largest(alone - together), 1e-6 * largest(together)) << i;
          }
        }
      }
    }
  }
}

TEST(Ball, RowsWithoutElements) {
  for (const NamedMap& map : maps()) {
    for (const DType dtype : {DType::float32, DType::float64}) {
      SCOPED_TRACE(map.name);
      const Tensor x = zeros({5, 0}, dtype).requires_grad_(), k = tensor(-1.0).requires_grad_();
      const Tensor z = map.call(x, x, x, k);
      EXPECT_EQ(z.size(0), 5);
      sum(z).backward();
      EXPECT_EQ(x.grad().shape(), x.shape());
      EXPECT_EQ(k.grad().item<double>(), 0);
    }
  }
}

TEST(Ball, CurvatureAndFactorOfEveryRow) {
  manual_seed(2);
  const Tensor x = points({2, 3, 4}, -1).requires_grad_(), y = points({3, 4}, -1).requires_grad_();
  const Tensor k = tensor({-0.2, -0.7, -1.0}, DType::float64).reshape({3, 1}).clone().requires_grad_();
  const Tensor r = tensor({0.3, -1.5}, DType::float64).reshape({2, 1, 1}).clone().requires_grad_();
  EXPECT_TRUE(gradcheck(
      [](const std::vector<Tensor>& in) -> std::vector<Tensor> { return {dist(in[0], in[1], in[2])}; },
      {x, y, k}));
  EXPECT_TRUE(gradcheck([](const std::vector<Tensor>& in)
                            -> std::vector<Tensor> { return {mobius_scalar_mul(in[0], in[1], in[2])}; },
                        {r, x, k}));
  // each row equals the call with its own curvature
  const Tensor z = logmap(x, y, k);
  for (int i = 0; i < 3; ++i) {
    const Tensor own =
        logmap(x.select(1, i), y.select(0, i), k.detach().to_vector<double>()[static_cast<size_t>(i)]);
    EXPECT_EQ(largest(z.select(1, i) - own), 0);
  }
}

TEST(Ball, MatvecMidpointAndPairsHaveGradients) {
  manual_seed(3);
  const Tensor x = points({4, 5}, -0.5).requires_grad_(), y = points({3, 5}, -0.5).requires_grad_();
  const Tensor m = randn({2, 5}, DType::float64).requires_grad_();
  const Tensor k = tensor(-0.5, DType::float64).requires_grad_();
  using In = const std::vector<Tensor>&;
  EXPECT_TRUE(gradcheck([](In in) -> std::vector<Tensor> { return {mobius_matvec(in[0], in[1], in[2])}; },
                        {m, x, k}));
  EXPECT_TRUE(gradcheck([](In in) -> std::vector<Tensor> { return {geometry::cdist(in[0], in[1], in[2])}; },
                        {x, y, k}));
  const Tensor groups = points({2, 4, 5}, -0.5).requires_grad_();
  const Tensor w = tensor({0.5, 1.0, -0.3, 2.0}, DType::float64).requires_grad_();
  EXPECT_TRUE(gradcheck([](In in) -> std::vector<Tensor> { return {weighted_midpoint(in[0], in[1], in[2])}; },
                        {groups, w, k}));
  EXPECT_TRUE(gradcheck([](In in) -> std::vector<Tensor> { return {weighted_midpoint(in[0], {}, in[1])}; },
                        {groups, k}));
}

TEST(Ball, Identities) {
  manual_seed(4);
  for (const double k : {-1e-3, -1.0, -10.0}) {
    SCOPED_TRACE(k);
    const double size = 1 / std::sqrt(-k);
    const Tensor x = points({50, 7}, k, 2), y = points({50, 7}, k, 2);
    const Tensor v = randn({50, 7}, DType::float64) * size, u = randn({50, 7}, DType::float64) * size;
    const double close = 1e-9;
    const Tensor step = v / lambda_x(x, k, keepdim);  // of Riemannian length |v|
    EXPECT_LT(largest(logmap(x, expmap(x, step, k), k) - step) / size, close);
    EXPECT_LT(largest(expmap(x, logmap(x, y, k), k) - y) / size, close);
    EXPECT_LT(largest(logmap0(expmap0(v, k), k) - v) / size, close);
    EXPECT_LT(largest(dist(x, y, k) - sqrt(inner(x, logmap(x, y, k), logmap(x, y, k), k))) / size, close);
    EXPECT_EQ(largest(dist(x, y, k) - dist(y, x, k)), 0);
    EXPECT_EQ(largest(dist(x, x, k)), 0);  // exactly
    EXPECT_EQ(largest(logmap(x, x, k)), 0);
    EXPECT_LT(largest(dist0(x, k) - dist(x, zeros_like(x), k)) / size, close);
    // left cancellation, and the gyration behind associativity
    EXPECT_LT(largest(mobius_add(-x, mobius_add(x, y, k), k) - y) / size, close);
    const Tensor b = points({50, 7}, k, 2), w = points({50, 7}, k, 2);
    EXPECT_LT(largest(mobius_add(b, mobius_add(y, w, k), k) -
                      mobius_add(mobius_add(b, y, k), gyration(b, y, w, k), k)) /
                  size,
              close);
    // transport is an isometry, turns round, and is the identity at its own point
    const Tensor tu = transport(x, y, u, k), tv = transport(x, y, v, k);
    const Tensor before = inner(x, u, v, k), after = inner(y, tu, tv, k);
    EXPECT_LT(largest((before - after) / sqrt(inner(x, u, u, k) * inner(x, v, v, k))), close);
    EXPECT_LT(largest(transport(y, x, tu, k) - u) / size, 1e-8);
    EXPECT_LT(largest(transport(x, x, u, k) - u) / size, close);
    const Tensor o = zeros_like(x);
    EXPECT_LT(largest(transport(o, y, u, k) - transport0(y, u, k)) / size, close);
    EXPECT_LT(largest(transport0_back(y, transport0(y, u, k), k) - u) / size, close);
    // it carries the geodesic's own velocity: log_x(y) goes to -log_y(x)
    EXPECT_LT(
        largest((transport(x, y, logmap(x, y, k), k) + logmap(y, x, k)) / lambda_x(x, k, keepdim)) / size,
        close);
    // scalar multiples add up, and 2 (*) x = x (+) x
    EXPECT_LT(largest(mobius_scalar_mul(2, b, k) - mobius_add(b, b, k)) / size, close);
    EXPECT_LT(largest(dist0(mobius_scalar_mul(-0.3, x, k), k) - 0.3 * dist0(x, k)) / size, close);
  }
}

// Isometry, inverses and left cancellation at distances 6 to 16 / sqrt c. A coordinate's last place moves a
// point at distance r by eps e^r / 4 (the metric is e^r / 2 there), and in float64 the gap of a stored point
// is no better known: what goes through a point, or computes its gap anew, is that exact and no more.
TEST(Ball, IdentitiesFarOut) {
  manual_seed(14);
  const auto wide = [](const Tensor& t) { return t.to(DType::float64); };
  const auto unit = [](const Tensor& t) { return t / sqrt(sum(t * t, -1, keepdim)); };
  for (const double k : {-1e-3, -1.0, -10.0}) {
    for (const double radius : {6.0, 10.0, 13.0, 16.0}) {
      for (const DType dtype : {DType::float64, DType::float32}) {
        SCOPED_TRACE(std::to_string(k) + " " + std::to_string(radius) + " " + to_text(dtype));
        const double size = 1 / std::sqrt(-k), eps = dtype == DType::float64 ? 0x1p-52 : 0x1p-23;
        const double place = eps * std::exp(radius) / 4, gap_known = 0x1p-52 * std::exp(radius) / 4;
        const Shape shape{60, 7};
        const Tensor x = expmap0(unit(randn(shape, DType::float64)) * (radius / 2 * size), k).to(dtype);
        const Tensor a = wide(x), step = unit(randn(shape, DType::float64)) * size / lambda_x(a, k, keepdim);
        const Tensor y = expmap(a, step, k).to(dtype), b = wide(y);  // at distance 1 from x
        const Tensor u = randn(shape, dtype), v = randn(shape, dtype), p = wide(u), q = wide(v);
        const Tensor tu = wide(transport(x, y, u, k)), tv = wide(transport(x, y, v, k));
        const Tensor lengths = sqrt(inner(a, p, p, k) * inner(a, q, q, k));
        const double bounds[] = {
            largest((inner(a, p, q, k) - inner(b, tu, tv, k)) / lengths) / (eps + gap_known),
            largest((transport(b, a, tu, k) - p) / sqrt(sum(p * p, -1, keepdim))) / (eps + gap_known),
            largest(dist(wide(expmap(x, logmap(x, y, k), k)), b, k)) / size / place,
            largest(dist(wide(mobius_add(x, mobius_add(-x, y, k), k)), b, k)) / size / place,
            largest(dist(wide(expmap0(logmap0(x, k), k)), a, k)) / size / place};
        for (const double e : bounds) EXPECT_LT(e, 8);
      }
    }
  }
}

TEST(Ball, PointsAreAtNoDistanceFromThemselves) {
  manual_seed(15);
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const double k : {-1e-3, -1.0, -10.0}) {
      const Tensor u = randn({50, 6}, dtype), unit = u / sqrt(sum(u * u, -1, keepdim)) / std::sqrt(-k);
      for (const double place : {0.0, 1e-20, 0.3, 1 - 1e-6, 1.0, 1.5, 1e5}) {
        const Tensor x = unit * place;
        EXPECT_EQ(largest(dist(x, x.clone(), k)), 0) << place;
        EXPECT_EQ(largest(geometry::cdist(x, x.clone(), k) * eye(50, dtype)), 0) << place;
        EXPECT_EQ(largest(logmap(x, x.clone(), k)), 0) << place;
      }
    }
  }
}

TEST(Ball, MidpointIsTheMidpoint) {
  manual_seed(5);
  const double k = -0.8;
  const Tensor x = points({6, 2, 4}, k, 3);
  const Tensor m = weighted_midpoint(x, {}, k);
  const Tensor a = x.select(1, 0), b = x.select(1, 1);
  EXPECT_LT(largest(dist(m, a, k) - dist(m, b, k)), 1e-9);
  EXPECT_LT(largest(dist(a, m, k) * 2 - dist(a, b, k)), 1e-9);
  // one point, and weights that leave only one
  EXPECT_LT(largest(weighted_midpoint(x.narrow(1, 0, 1), {}, k) - a), 1e-12);
  EXPECT_LT(largest(weighted_midpoint(x, tensor({0.0, 2.0}, DType::float64), k) - b), 1e-12);
  EXPECT_EQ(largest(weighted_midpoint(x, zeros({2}, DType::float64), k)), 0);
  // isometries commute with it
  const Tensor t = points({1, 4}, k);
  const Tensor moved = weighted_midpoint(mobius_add(t.unsqueeze(0), x, k), {}, k);
  EXPECT_LT(largest(moved - mobius_add(t, m, k)), 1e-11);
}

TEST(Ball, PairsEqualDist) {
  manual_seed(6);
  for (const int64_t d : {1, 2, 10, 33}) {
    const Tensor x = points({37, d}, -2, 4).requires_grad_(), y = points({41, d}, -2, 4).requires_grad_();
    const Tensor z = geometry::cdist(x, y, -2), same = dist(x.unsqueeze(1), y.unsqueeze(0), -2);
    EXPECT_LT(largest(z - same), 1e-12);
    const Tensor g = randn({37, 41}, DType::float64);
    const auto a = grad({z}, {x, y}, {.grad_outputs = {g}}), b = grad({same}, {x, y}, {.grad_outputs = {g}});
    EXPECT_LT(largest(a[0] - b[0]), 1e-12 * largest(b[0]));
    EXPECT_LT(largest(a[1] - b[1]), 1e-12 * largest(b[1]));
    const Tensor own = geometry::cdist(x, x, -2);
    EXPECT_EQ(largest(own * eye(37, DType::float64)), 0);
    EXPECT_EQ(largest(own - own.transpose(0, 1)), 0);
  }
}

TEST(Ball, AFactorIsNotRounded) {
  const Tensor x = tensor({0.3, 0.1});
  EXPECT_EQ(
      largest(mobius_scalar_mul(0.1, x) - mobius_scalar_mul(0.1, x.to(DType::float64)).to(DType::float32)),
      0);
  EXPECT_GT(largest(mobius_scalar_mul(1 + 1e-9, x.to(DType::float64)) - x.to(DType::float64)), 0);
  const Tensor exact = mobius_scalar_mul(1 + 0x1p-24 + 0x1p-30, x.to(DType::float64)).to(DType::float32);
  EXPECT_EQ(largest(mobius_scalar_mul(1 + 0x1p-24 + 0x1p-30, x) - exact), 0);
}

TEST(Ball, NarrowAndWideRowsBroadcastAndStrides) {
  manual_seed(7);
  for (const int64_t d : {1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 15, 16, 17, 32, 33, 130}) {
    SCOPED_TRACE(d);
    for (const NamedMap& map : maps()) {
      SCOPED_TRACE(map.name);
      const Tensor x = points({70, d}, -1), y = points({70, d}, -1), v = randn({70, d}, DType::float64) * 0.3;
      const Tensor whole = map.call(x, y, v, -1);
      // the same rows one by one, from strided memory, in float32
      const Tensor one = map.call(x[69], y[69], v[69], -1);
      EXPECT_EQ(largest(whole[69] - one), 0);
      const auto strided = [](const Tensor& t) { return t.transpose(0, 1).contiguous().transpose(0, 1); };
      EXPECT_EQ(largest(map.call(strided(x), strided(y), strided(v), -1) - whole), 0);
      const auto narrow = [](const Tensor& t) { return t.to(DType::float32); };
      const Tensor single = map.call(narrow(x), narrow(y), narrow(v), -1);
      EXPECT_EQ(single.dtype(), DType::float32);
      const Tensor wide = map.call(narrow(x).to(DType::float64), narrow(y).to(DType::float64),
                                   narrow(v).to(DType::float64), -1);
      EXPECT_LT(largest(single.to(DType::float64) - wide), 1e-7 * std::max(1.0, largest(wide)));
      // (2, 1, d) with (35, d) is every pair
      const Tensor few = x.narrow(0, 0, 2).unsqueeze(1),
                   pairs = map.call(few, y.narrow(0, 0, 35), v.narrow(0, 0, 35), -1);
      if (map.inputs > 1 && std::string(map.name) != "expmap0") {
        const Tensor row = map.call(x[1], y[3], v[3], -1);
        EXPECT_EQ(largest(pairs[1][3] - row), 0);
      }
    }
  }
}

// The maps of one row times a function of its length: forward keeps what backward needs unless the curvature
// has a gradient, and float32 rows are written as pairs of floats where these suffice.
const NamedMap kRadial[] = {maps()[1], maps()[4], maps()[5]};
Tensor row_error(const Tensor& a, const Tensor& b) {
  return amax(abs(a.to(DType::float64) - b), -1) / (amax(abs(b), -1) + 1e-300);
}

TEST(Ball, RadialMapsGiveTheSameWhateverIsKept) {
  manual_seed(11);
  for (const int64_t d : {1, 3, 4, 5, 7, 8, 9, 10, 13, 15, 16, 17, 20, 31, 32, 33, 128}) {
    for (const NamedMap& map : kRadial) {
      SCOPED_TRACE(std::string(map.name) + " " + std::to_string(d));
      const Tensor start = points({75, d}, -0.7, 4, DType::float32), g = randn({75, d});
      Tensor grads[2];
      for (const DType dtype : {DType::float32, DType::float64}) {
        const Tensor x = start.to(dtype).clone().requires_grad_(), dz = g.to(dtype);
        const Tensor k = tensor(-0.7, DType::float64), learnt = k.clone().requires_grad_();
        Tensor& dx = grads[dtype == DType::float64];
        dx = grad({map.call(x, x, x, k)}, {x}, {.grad_outputs = {dz}})[0];
        const Tensor same = grad({map.call(x, x, x, learnt)}, {x}, {.grad_outputs = {dz}})[0];
        EXPECT_EQ(largest(dx - same), 0);
        const Tensor z = map.call(x, x, x, k);  // a second time from the same kept numbers
        grad({z}, {x}, {.grad_outputs = {dz}, .retain_graph = true});
        EXPECT_EQ(largest(grad({z}, {x}, {.grad_outputs = {dz}})[0] - dx), 0);
        const NoGradGuard guard;
        EXPECT_EQ(largest(map.call(x, x, x, k) - z), 0);
      }
      EXPECT_LT(largest(row_error(grads[0], grads[1])), 2e-7);
      // a row has the same bits alone, apart from its neighbours, and among them
      const Tensor z = map.call(start, start, start, -0.7);
      const Tensor apart = cat({start, start}, 1).narrow(1, 0, d);
      EXPECT_EQ(largest(map.call(apart, apart, apart, -0.7) - z), 0);
      for (const int64_t r : {0, 15, 16, 63, 64, 74}) {
        EXPECT_EQ(largest(map.call(start[r], start[r], start[r], -0.7) - z[r]), 0) << r;
      }
    }
  }
}

TEST(Ball, RadialMapsOfRowsOfAnySize) {
  manual_seed(12);
  for (const int64_t d : {3, 10, 40}) {
    for (const double size : {1e-38, 1e-30, 1e-20, 1e-8, 1.0, 1e8, 1e12, 1e20, 1e30, 1e37}) {
      for (const double dz_size : {1e-25, 1.0, 1e30}) {
        SCOPED_TRACE(std::to_string(d) + " " + std::to_string(size) + " " + std::to_string(dz_size));
        const Tensor x = (randn({40, d}) * size).requires_grad_(), g = randn({40, d}) * dz_size;
        const Tensor wide = x.detach().to(DType::float64).clone().requires_grad_();
        const Tensor z = expmap0(x), expected = expmap0(wide);
        EXPECT_LT(largest(abs(z.to(DType::float64) - expected) / (abs(expected) + 1e-37)), 4e-7);  // the gap
        const Tensor dx = grad({z}, {x}, {.grad_outputs = {g}})[0];
        const Tensor dw = grad({expected}, {wide}, {.grad_outputs = {g.to(DType::float64)}})[0];
        const Tensor scale = amax(abs(dw), -1, keepdim) + 1e-37;
        EXPECT_LT(largest((dx.to(DType::float64) - dw) / scale), 2e-7);
      }
    }
    // along v the two terms of expmap0's gradient cancel to sech^2 |v|: nothing of them may be rounded away
    const Tensor v = randn({40, d}), far = (v / sqrt(sum(v * v, -1, keepdim)) * 5.0).requires_grad_();
    const Tensor wide = far.detach().to(DType::float64).requires_grad_(), g = far.detach() * 0.3;
    const Tensor along = grad({expmap0(far)}, {far}, {.grad_outputs = {g}})[0];
    const Tensor exact = grad({expmap0(wide)}, {wide}, {.grad_outputs = {g.to(DType::float64)}})[0];
    EXPECT_LT(largest(row_error(along, exact)), 3e-7);
    // infinity and NaN stay where float64 has them, in their own rows
    Tensor bad = points({40, d}, -1, 2, DType::float32);
    bad[7][1].fill_(std::numeric_limits<double>::infinity());
    bad[33][2].fill_(std::nan(""));
    for (const NamedMap& map : kRadial) {
      SCOPED_TRACE(map.name);
      const auto narrow = map.call(bad, bad, bad, -1).to_vector<float>();
      const Tensor same = bad.to(DType::float64);
      const auto expected = map.call(same, same, same, -1).to_vector<double>();
      for (size_t i = 0; i < narrow.size(); ++i) {
        EXPECT_EQ(std::isnan(narrow[i]), std::isnan(expected[i])) << i;
        EXPECT_EQ(std::isinf(narrow[i]), std::isinf(expected[i])) << i;
      }
    }
  }
}

TEST(Ball, ResultsDoNotDependOnThreads) {
  manual_seed(8);
  const int before = num_threads();
  const Tensor x = points({5000, 6}, -1, 2, DType::float32), y = points({5000, 6}, -1, 2, DType::float32);
  const auto run = [&] {
    const Tensor a = x.clone().requires_grad_(), b = y.clone().requires_grad_();
    const Tensor k = tensor(-1.0, DType::float64).requires_grad_();
    const Tensor loss = sum(logmap(a, b, k)) + sum(geometry::cdist(a.narrow(0, 0, 300), b, k)) +
                        sum(weighted_midpoint(a, {}, k));
    const auto grads = grad({loss}, {a, b, k});
    std::vector<float> all = grads[0].to_vector<float>();
    for (const float e : grads[1].to_vector<float>()) all.push_back(e);
    all.push_back(grads[2].item<float>());
    return all;
  };
  set_num_threads(1);
  const auto one = run();
  set_num_threads(3);
  const auto three = run();
  set_num_threads(before);
  EXPECT_EQ(one, three);
}

TEST(Ball, FiniteEverywhere) {
  manual_seed(9);
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const double k : {-1e-8, -1e-3, -1.0, -10.0}) {
      const double radius = 1 / std::sqrt(-k);
      const Tensor u = randn({4, 5}, dtype);
      const Tensor unit = u / sqrt(sum(u * u, -1, keepdim));
      // the origin, the middle, on the boundary, beyond it
      const Tensor places[] = {zeros({4, 5}, dtype), unit * (0.5 * radius), unit * radius,
                               unit * (1.5 * radius)};
      for (const NamedMap& map : all_maps()) {
        for (const Tensor& px : places) {
          for (const Tensor& py : {px, -px, places[0], places[1], places[2]}) {
            for (const double length : {0.0, 1e-30, 1.0, 1e4}) {
              const Tensor x = px.clone().requires_grad_(), y = py.clone().requires_grad_();
              const Tensor v = (unit * length).requires_grad_();
              const Tensor learnt = tensor(k, DType::float64).requires_grad_();
              for (const Curvature& curvature : {Curvature(k), Curvature(learnt)}) {
                const Tensor z = map.call(x, y, v, curvature);
                EXPECT_TRUE(all_finite(z)) << map.name << k << "\n" << px << py << length << z;
                for (const Tensor& g :
                     grad({z}, {x, y, v, learnt}, {.grad_outputs = {ones_like(z)}, .allow_unused = true})) {
                  if (!g.defined()) continue;
                  EXPECT_TRUE(all_finite(g)) << map.name << k << "\n" << px << py << length << g;
                }
                if (HasFailure()) return;
              }
            }
          }
        }
      }
    }
  }
}

TEST(Ball, PointsStayInside) {
  manual_seed(10);
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const double k : {-1e-3, -1.0, -10.0}) {
      for (const int64_t d : {1, 2, 5, 40}) {
        SCOPED_TRACE(to_text(dtype) + " " + std::to_string(k) + " " + std::to_string(d));
        const PoincareBall ball(k);
        const Tensor x = points({500, d}, k, 40, dtype), y = points({500, d}, k, 40, dtype);
        const Tensor v = randn({500, d}, dtype) * (100 / std::sqrt(-k)), wide = randn({3, d}, dtype) * 30.0;
        const Tensor at_limit = project(v, k);
        const Tensor results[] = {x,
                                  at_limit,
                                  mobius_add(x, y, k),
                                  mobius_add(x, x, k),
                                  mobius_add(at_limit, at_limit, k),
                                  mobius_add(-at_limit, y, k),
                                  expmap(x, v, k),
                                  expmap(x, -x, k),
                                  expmap0(v, k),
                                  mobius_scalar_mul(50, x, k),
                                  mobius_matvec(wide, x, k),
                                  ball.retract(x, v),
                                  weighted_midpoint(x.unsqueeze(1), {}, k),
                                  weighted_midpoint(stack({at_limit, at_limit}, 1), {}, k)};
        for (size_t i = 0; i < std::size(results); ++i) {
          const Tensor& z = results[i];
          EXPECT_GE(min(gaps(z, k)).item<double>(), 0.5 * ball_gap(dtype)) << i;
          EXPECT_NO_THROW(ball.check_point(z)) << i;
          EXPECT_EQ(largest(ball.projx(z) - z), 0) << i;  // what is a point stays where it is, bit for bit
        }
      }
    }
  }
}

TEST(Ball, NanIsSeen) {
  const Tensor x = tensor({0.1f, std::nanf(""), 0.2f}), y = tensor({0.1f, 0.3f, 0.2f});
  for (const NamedMap& map : maps()) {
    bool nan = false;
    for (const double e : map.call(x, x, x, -1).to_vector<double>()) nan |= std::isnan(e);
    EXPECT_TRUE(nan) << map.name;
  }
  EXPECT_TRUE(std::isnan(dist(y, x).item<double>()));
}

TEST(Ball, Empty) {
  const Tensor x = empty({0, 3}), k = tensor(-1.0).requires_grad_();
  for (const NamedMap& map : maps()) EXPECT_EQ(map.call(x, x, x, k).numel(), 0) << map.name;
  EXPECT_EQ(geometry::cdist(x, zeros({4, 3})).shape(), Shape({0, 4}));
  EXPECT_EQ(geometry::cdist(zeros({4, 3}), x).shape(), Shape({4, 0}));
  EXPECT_EQ(dist(empty({2, 0}), empty({2, 0})).to_vector<float>(), std::vector<float>({0, 0}));
  EXPECT_EQ(weighted_midpoint(empty({2, 0, 3})).to_vector<float>(), std::vector<float>(6, 0.f));
}

// Every map, values and gradients, on a device whose memory nothing but kernels can read.
TEST(Ball, AnyDevice) {
  manual_seed(13);
  const Device device = test::shadow_device();
  const Tensor x = points({5, 6}, -1, 2, DType::float32), y = points({5, 6}, -1, 2, DType::float32);
  const Tensor v = randn({5, 6}) * 0.3, k = tensor(-1.0, DType::float64);
  for (const NamedMap& map : all_maps()) {
    SCOPED_TRACE(map.name);
    std::vector<std::vector<float>> values[2];
    for (const bool away : {false, true}) {
      const auto leaf = [&](const Tensor& t) {
        return (away ? test::moved(t, device) : t.clone()).requires_grad_();
      };
      for (const bool learnt : {false, true}) {
        const Tensor a = leaf(x), b = leaf(y), c = leaf(v), curvature = leaf(k);
        const Tensor z = learnt ? map.call(a, b, c, curvature) : map.call(a, b, c, -1);
        EXPECT_EQ(z.device(), a.device());
        sum(z * z).backward();
        values[away].push_back(z.detach().to(Device::cpu).to_vector<float>());
        for (const Tensor& t : {a, b, c, curvature}) {
          if (t.grad().defined()) values[away].push_back(t.grad().to(Device::cpu).to_vector<float>());
        }
      }
    }
    EXPECT_EQ(values[0], values[1]);
  }
}

TEST(Ball, WhatIsMissingIsNamed) {
  const Tensor x = zeros({2, 3}), none;
  EXPECT_EQ(message<ValueError>([&] { logmap(x, none); }), "logmap: y is undefined");
  EXPECT_EQ(message<ValueError>([&] { expmap(x, none); }), "expmap: v is undefined");
  EXPECT_EQ(message<ValueError>([&] { logmap0(none); }), "logmap0: y is undefined");
  EXPECT_EQ(message<ValueError>([&] { transport(x, x, none); }), "transport: v is undefined");
  EXPECT_EQ(message<ValueError>([&] { gyration(none, x, x); }), "gyration: a is undefined");
  EXPECT_EQ(message<ValueError>([&] { mobius_scalar_mul(2, none); }), "mobius_scalar_mul: x is undefined");
  EXPECT_EQ(message<ValueError>([&] { mobius_matvec(none, x); }), "mobius_matvec: m is undefined");
  EXPECT_EQ(message<ValueError>([&] { geometry::cdist(x, none); }), "cdist: y is undefined");
  EXPECT_EQ(message<ValueError>([&] { mlr(x, x, none); }), "mlr: bias is undefined");
  EXPECT_EQ(message<ValueError>([&] { weighted_midpoint(none); }), "weighted_midpoint: x is undefined");
}

TEST(Ball, Errors) {
  const Tensor x = zeros({2, 3});
  EXPECT_EQ(message<ValueError>([&] { dist(x, x, 0.5); }),
            "dist: curvature is 0.5, expected a negative finite number");
  EXPECT_EQ(message<ValueError>([&] { mobius_add(x, x, 0); }),
            "mobius_add: curvature is 0, expected a negative finite number");
  EXPECT_EQ(message<ValueError>([&] {
              expmap0(x, tensor({-1.f, 2.f}).reshape({2, 1}));
            }),
            "expmap0: curvature is 2, expected a negative finite number");
  EXPECT_EQ(message<ValueError>([&] { geometry::cdist(x, x, std::nan("")); }),
            "cdist: curvature is nan, expected a negative finite number");
  EXPECT_EQ(message<ShapeError>([&] {
              logmap(x, zeros({2, 4}));
            }),
            "logmap: last dimensions must be equal, but they are 3 and 4 ((2, 4))");
  EXPECT_EQ(message<ShapeError>([&] { dist0(tensor(0.5)); }),
            "dist0: a point is a row, but a tensor of shape () has none");
  EXPECT_EQ(message<ValueError>([&] { dist(x, x, Tensor()); }), "dist: curvature is undefined");
  EXPECT_EQ(message<ValueError>([&] { mlr(x, x, zeros({2}), Tensor()); }), "mlr: curvature is undefined");
  EXPECT_EQ(message<ValueError>([&] { mobius_scalar_mul(2, x, Tensor()); }),
            "mobius_scalar_mul: curvature is undefined");
  EXPECT_EQ(
      message<ShapeError>([&] {
        dist(x, x, tensor({-1.f, -2.f}));
      }),
      "dist: curvature must be 0-dim or give one number a row, (..., 1), but its shape is (2,) (x: (2, 3))");
  EXPECT_EQ(message<ShapeError>([&] { geometry::cdist(x, zeros({3})); }),
            "cdist: expected points (n, d) and (m, d), got (2, 3) and (3,)");
  EXPECT_EQ(message<ShapeError>([&] {
              mobius_matvec(zeros({2, 2}), x);
            }),
            "mobius_matvec: expected a matrix (m, d) and points (..., d), got (2, 2) and (2, 3)");
  EXPECT_EQ(
      message<ShapeError>([&] { weighted_midpoint(x, zeros({3})); }),
      "weighted_midpoint: weights must end in the number of points, 2, but their shape is (3,) (x: (2, 3))");
  EXPECT_EQ(message<DTypeError>([&] { project(x.to(DType::float16)); }),
            "project: points and tangent vectors are float32 or float64, not float16 (shape (2, 3))");
  const Tensor p = (zeros({2, 3}) + 0.1).requires_grad_();
  EXPECT_EQ(message<ValueError>([&] { grad({sum(dist0(p))}, {p}, {.create_graph = true}); }),
            "dist0: its gradient is fused and has no second derivative; create_graph cannot pass it");
}

}  // namespace
}  // namespace st
