// The ball's maps in float32 against their textbook forms in long double, over radii 0.1 to 10 and
// separations 1e-6 to 10, and their gradients against derivatives of these forms. The first test prints the
// table of docs/geometry.md.
#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/geometry/ball.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/index.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/shape.h"
#include "tests/geometry/ball_oracle.h"

namespace st {
namespace {

using namespace test;
using geometry::Curvature;
constexpr size_t kWidth = 10;

// A map twice: as it is called, and as its formula. Each input is a tensor whose first dimension counts
// blocks; the formula gives the numbers of one block from the numbers of that block of every input.
struct Case {
  template <class Formula>
  Case(const char* name, std::function<Tensor(const std::vector<Tensor>&, const Curvature&)> call,
       Formula formula, bool is_point = false)
      : name(name), call(std::move(call)), value(formula), dual(formula), is_point(is_point) {}
  const char* name;
  std::function<Tensor(const std::vector<Tensor>&, const Curvature&)> call;
  std::function<Row<Real>(Real c, const std::vector<Row<Real>>& in)> value;
  std::function<Row<Dual>(Dual c, const std::vector<Row<Dual>>& in)> dual;
  bool is_point;  // the result is a point, which must not lie beyond 16 / sqrt c
};

// Maps of rows, a block a pair. in: x, y, v, u and a factor.
const std::vector<Case>& row_cases() {
  using In = const std::vector<Tensor>&;
  using K = const Curvature&;
  static const std::vector<Case> cases = {
      {"dist", [](In in, K k) { return geometry::dist(in[0], in[1], k, keepdim); },
       [](auto c, const auto& in) { return Row<decltype(c)>{oracle_dist(c, in[0], in[1])}; }},
      {"logmap", [](In in, K k) { return geometry::logmap(in[0], in[1], k); },
       [](auto c, const auto& in) { return oracle_logmap(c, in[0], in[1]); }},
      {"expmap", [](In in, K k) { return geometry::expmap(in[0], in[2], k); },
       [](auto c, const auto& in) { return oracle_expmap(c, in[0], in[2]); }, true},
      {"transport", [](In in, K k) { return geometry::transport(in[0], in[1], in[3], k); },
       [](auto c, const auto& in) { return oracle_transport(c, in[0], in[1], in[3]); }},
      {"transport along", [](In in, K k) { return geometry::transport(in[0], in[1], in[2], k); },
       [](auto c, const auto& in) { return oracle_transport(c, in[0], in[1], in[2]); }},
      {"mobius_add", [](In in, K k) { return geometry::mobius_add(-in[0], in[1], k); },
       [](auto c, const auto& in) { return oracle_mobius_add(c, scaled(-1, in[0]), in[1]); }, true},
      {"mobius_scalar_mul", [](In in, K k) { return geometry::mobius_scalar_mul(in[4], in[0], k); },
       [](auto c, const auto& in) { return oracle_scalar_mul(c, in[4][0], in[0]); }, true},
      {"... by a number", [](In in, K k) { return geometry::mobius_scalar_mul(1.3, in[0], k); },
       [](auto c, const auto& in) { return oracle_scalar_mul(c, static_cast<Real>(1.3), in[0]); }, true},
      {"expmap0", [](In in, K k) { return geometry::expmap0(in[3], k); },
       [](auto c, const auto& in) { return oracle_expmap0(c, in[3]); }, true},
      {"logmap0", [](In in, K k) { return geometry::logmap0(in[0], k); },
       [](auto c, const auto& in) { return oracle_logmap0(c, in[0]); }},
      {"dist0", [](In in, K k) { return geometry::dist0(in[0], k, keepdim); },
       [](auto c, const auto& in) { return Row<decltype(c)>{oracle_dist0(c, in[0])}; }},
      {"lambda_x", [](In in, K k) { return geometry::lambda_x(in[0], k, keepdim); },
       [](auto c, const auto& in) { return Row<decltype(c)>{oracle_lambda(c, in[0])}; }},
      {"inner", [](In in, K k) { return geometry::inner(in[0], in[2], in[2], k, keepdim); },
       [](auto c, const auto& in) {
         const auto lambda = oracle_lambda(c, in[0]);
         return Row<decltype(c)>{lambda * lambda * dot(in[2], in[2])};
       }},
      {"egrad2rgrad", [](In in, K k) { return geometry::egrad2rgrad(in[0], in[3], k); },
       [](auto c, const auto& in) {
         const auto lambda = oracle_lambda(c, in[0]);
         return scaled(1 / (lambda * lambda), in[3]);
       }},
      {"transport0", [](In in, K k) { return geometry::transport0(in[1], in[3], k); },
       [](auto c, const auto& in) { return scaled(2 / oracle_lambda(c, in[1]), in[3]); }},
      {"transport0_back", [](In in, K k) { return geometry::transport0_back(in[0], in[3], k); },
       [](auto c, const auto& in) { return scaled(oracle_lambda(c, in[0]) / 2, in[3]); }},
      {"gyration", [](In in, K k) { return geometry::gyration(-in[0], in[1], in[3], k); },
       [](auto c, const auto& in) { return oracle_gyration(c, scaled(-1, in[0]), in[1], in[3]); }},
      {"project", [](In in, K k) { return geometry::project(in[0], k); },
       [](auto, const auto& in) { return in[0]; }},
  };
  return cases;
}

std::vector<Tensor> rows_of(const std::vector<Pair>& pairs) {
  std::vector<Tensor> all;
  for (const auto field : {&Pair::x, &Pair::y, &Pair::v, &Pair::u}) {
    const Tensor t = empty({static_cast<int64_t>(pairs.size()), static_cast<int64_t>(kWidth)});
    float* to = t.mutable_data<float>().data();
    for (const Pair& p : pairs) to = std::copy((p.*field).begin(), (p.*field).end(), to);
    all.push_back(t);
  }
  all.push_back(rand({all[0].size(0), 1}) * 2 - 0.7);
  return all;
}

// The numbers of block b of each input.
template <class R>
std::vector<Row<R>> block_of(const std::vector<Tensor>& in, int64_t b) {
  std::vector<Row<R>> block;
  for (const Tensor& t : in) {
    const float* from = t.data<float>().data();
    const int64_t size = t.numel() / t.size(0);
    block.emplace_back(from + b * size, from + (b + 1) * size);
  }
  return block;
}

double median(std::vector<double>& errors) {
  std::nth_element(errors.begin(), errors.begin() + static_cast<long>(errors.size() / 2), errors.end());
  return errors[errors.size() / 2];
}

TEST(BallAccuracy, Float32AgainstLongDouble) {
  for (const double c : {1.0, 1e-3, 10.0}) {
    const std::vector<Pair> pairs = make_pairs(c, kWidth, 20);
    ASSERT_GT(pairs.size(), 1000u);
    const std::vector<Tensor> in = rows_of(pairs);
    for (const Case& map : row_cases()) {
      SCOPED_TRACE(std::string(map.name) + " c " + std::to_string(c));
      const Tensor z = map.call(in, -c);
      const size_t width = static_cast<size_t>(z.size(1));
      const float* values = z.data<float>().data();
      std::vector<double> all;
      std::map<std::pair<Real, Real>, std::vector<double>> cells;
      for (size_t i = 0; i < pairs.size(); ++i) {
        const Pair& p = pairs[i];
        const Point truth = map.value(c, block_of<Real>(in, static_cast<int64_t>(i)));
        if (norm(truth) == 0 ||
            (map.is_point &&
             std::sqrt(static_cast<Real>(c)) * oracle_dist0(static_cast<Real>(c), truth) > 16))
          continue;
        all.push_back(static_cast<double>(relative_error(widened(values + i * width, width), truth)));
        cells[{p.radius, p.separation}].push_back(all.back());
      }
      ASSERT_GT(all.size(), 700u);
      const double worst = *std::max_element(all.begin(), all.end()), middle = median(all);
      EXPECT_LE(middle, 6e-8);  // half a unit in the last place of float32
      EXPECT_LE(worst, 1.2e-7);
      std::printf("%-17s c = %-5g  %5zu pairs: median %.1e  worst %.1e", map.name, c, all.size(), middle,
                  worst);
      for (const Real radius : {1.0L, 6.0L, 10.0L}) {
        auto cell = cells.find({radius, 1e-3L});
        if (cell != cells.end())
          std::printf("  r = %g, 1e-3 apart: %.1e", static_cast<double>(radius), median(cell->second));
      }
      std::printf("\n");
    }
  }
}

template <class R>
std::vector<Row<R>> split(const Row<R>& in) {
  std::vector<Row<R>> rows;
  for (auto at = in.begin(); at != in.end(); at += kWidth) rows.emplace_back(at, at + kWidth);
  return rows;
}

// Maps of several rows together, one block. in: x and y (n, width), weights (n), a matrix or planes (4,
// width) and their biases (4).
const std::vector<Case>& group_cases() {
  using In = const std::vector<Tensor>&;
  using K = const Curvature&;
  static const std::vector<Case> cases = {
      {"cdist",
       [](In in, K k) { return geometry::cdist(in[0][0], in[1][0], k.tensor().reshape({})).unsqueeze(0); },
       [](auto c, const auto& in) {
         Row<decltype(c)> all;
         for (const auto& x : split(in[0])) {
           for (const auto& y : split(in[1])) all.push_back(oracle_dist(c, x, y));
         }
         return all;
       }},
      {"weighted_midpoint", [](In in, K k) { return geometry::weighted_midpoint(in[0], in[2], k); },
       [](auto c, const auto& in) { return oracle_midpoint(c, split(in[0]), in[2]); }, true},
      {"mobius_matvec",
       [](In in, K k) { return geometry::mobius_matvec(in[3][0], in[0][0], k).unsqueeze(0); },
       [](auto c, const auto& in) {
         Row<decltype(c)> all;
         for (const auto& x : split(in[0])) {
           for (const auto& e : oracle_matvec(c, split(in[3]), x)) all.push_back(e);
         }
         return all;
       }},
      {"mlr",
       [](In in, K k) {
         return geometry::mlr(in[0][0], in[3][0], in[4][0], k.tensor().reshape({})).unsqueeze(0);
       },
       [](auto c, const auto& in) {
         Row<decltype(c)> all;
         const auto planes = split(in[3]);
         for (const auto& x : split(in[0])) {
           for (size_t j = 0; j < planes.size(); ++j) all.push_back(oracle_logit(c, x, planes[j], in[4][j]));
         }
         return all;
       }},
  };
  return cases;
}

// Float32 gradients of every input, and of a curvature a block, against forward derivatives of the formula in
// long double: the worst relative error of a block's gradient.
double worst_gradient(const Case& map, const std::vector<Tensor>& values, double c) {
  std::vector<Tensor> in;
  for (const Tensor& t : values) in.push_back(t.detach().clone().requires_grad_());
  const int64_t blocks = in[0].size(0);
  const Tensor k = full({blocks, 1}, -c, DType::float64).requires_grad_();
  in.push_back(k);
  const Tensor z = map.call(in, k), g = randn(z.shape());
  const auto grads = grad({z}, in, {.grad_outputs = {g}, .allow_unused = true});
  in.pop_back();
  double worst = 0;
  for (int64_t b = 0; b < blocks; ++b) {
    std::vector<Row<Dual>> block = block_of<Dual>(in, b);
    const Row<Real> weights = block_of<Real>({g}, b)[0];
    const auto derivative = [&](Dual of_c) {
      const Row<Dual> result = map.dual(of_c, block);
      Real sum = 0;
      for (size_t i = 0; i < result.size(); ++i) sum += weights[i] * result[i].slope;
      return sum;
    };
    const auto compare = [&](const Point& got, const Point& truth, Real least) {
      const Real difference = norm(combined(1, got, -1, truth)), scale = std::max(norm(truth), least);
      if (difference > 0) worst = std::max(worst, static_cast<double>(difference / scale));
    };
    for (size_t i = 0; i < block.size(); ++i) {
      if (!grads[i].defined()) continue;
      Point truth;
      for (Dual& e : block[i]) {
        e.slope = 1;
        truth.push_back(derivative(c));
        e.slope = 0;
      }
      compare(block_of<Real>({grads[i]}, b)[0], truth, 0);
    }
    if (!grads.back().defined()) continue;
    // c times it is half the sum of <gradient, input> less <g, z>: where that cancels, as in expmap for a
    // short v, float64 leaves 1e-16 of its terms
    Real terms = 0;
    const Row<Dual> result = map.dual(c, block);
    for (size_t i = 0; i < result.size(); ++i) terms += std::abs(weights[i] * result[i].value);
    compare({grads.back().to_vector<double>()[static_cast<size_t>(b)]}, {-derivative(Dual(c, 1))},
            1e-9L * terms / static_cast<Real>(c));
  }
  std::printf("%-17s c = %-5g  gradients: worst %.1e\n", map.name, c, worst);
  return worst;
}

TEST(BallAccuracy, Float32GradientsAgainstLongDouble) {
  manual_seed(3);
  for (const double c : {1.0, 1e-3, 10.0}) {
    const std::vector<Pair> pairs = make_pairs(c, kWidth, 2);
    const std::vector<Tensor> rows = rows_of(pairs);
    for (const Case& map : row_cases()) {
      SCOPED_TRACE(std::string(map.name) + " c " + std::to_string(c));
      EXPECT_LE(worst_gradient(map, rows, c), 1e-5);
    }
    // points of all radii in one call
    std::vector<int64_t> some;
    for (size_t i = 0; i < pairs.size(); i += pairs.size() / 20) some.push_back(static_cast<int64_t>(i));
    const Tensor index = tensor(some);
    const int64_t n = index.numel();
    const std::vector<Tensor> group = {
        index_select(rows[0], 0, index).unsqueeze(0), index_select(rows[1], 0, index).unsqueeze(0),
        randn({1, n}), randn({1, 4, static_cast<int64_t>(kWidth)}), randn({1, 4}) * (0.5 / std::sqrt(c))};
    for (const Case& map : group_cases()) {
      SCOPED_TRACE(std::string(map.name) + " c " + std::to_string(c));
      EXPECT_LE(worst_gradient(map, group, c), 1e-5);
    }
  }
}

}  // namespace
}  // namespace st
