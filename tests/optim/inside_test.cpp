// A million random steps of every rule, in each dtype and curvature, leave every point inside its ball, seen
// after each step, and every moment finite.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>

#include "spiraltorch/core/random.h"
#include "spiraltorch/geometry/poincare_ball.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/optim/adam.h"
#include "spiraltorch/optim/sgd.h"
#include "spiraltorch/optim/zspace_optimizer.h"

namespace st::optim {
namespace {

constexpr int64_t kRows = 64, kDim = 3;
constexpr int kSteps = 15625;  // of kRows each: a million

struct Points final : nn::Module {
  nn::Parameter weight;
  void visit(nn::Visitor& v) override { v("weight", weight); }
};

using Maker = std::function<std::unique_ptr<Optimizer>(Points&, double c)>;

Maker zspace(Rule rule) {
  return [rule](Points& points, double c) {
    auto o = std::make_unique<ZSpaceOptimizer>(1, ZSpaceOptimizerOptions{.rule = rule});
    o->set_mode(OptimizerMode::hypergrad(-c, 0.5));
    o->prepare_module(points);
    return o;
  };
}

template <class O, class Options>
Maker on_manifold(const Options& options) {
  return [options](Points& points, double c) {
    points.weight.set_manifold(std::make_shared<PoincareBall>(-c));
    return std::make_unique<O>(points.parameters(), options);
  };
}

// Whether all rows are inside; NaN is not.
template <class T>
bool inside(const Tensor& w, double c) {
  const auto x = w.data<T>();
  bool all = true;
  for (size_t r = 0; r < static_cast<size_t>(kRows); ++r) {
    double square = 0;
    for (size_t i = 0; i < static_cast<size_t>(kDim); ++i) {
      const double e = static_cast<double>(x[r * kDim + i]);
      square += e * e;
    }
    all &= c * square < 1;
  }
  return all;
}

template <class T>
void stays_inside(const Maker& make, double c) {
  constexpr DType dtype = dtype_of<T>();
  SCOPED_TRACE(to_text(dtype) + " c " + to_text(c));
  manual_seed(3);
  std::vector<Tensor> gradients;
  for (int i = 0; i < 99; ++i) {  // sizes from 1e-4 to 1e6
    gradients.push_back(randn({kRows, kDim}, dtype) * std::pow(10.0, static_cast<double>(i % 11) - 4));
  }
  Points points;
  points.weight = nn::Parameter(PoincareBall(-c).random({kRows, kDim}, 1.0, dtype));
  const auto optimizer = make(points, c);
  for (int t = 0; t < kSteps; ++t) {
    points.weight.set_grad(gradients[static_cast<size_t>(t) % gradients.size()]);
    optimizer->step();
    ASSERT_TRUE(inside<T>(points.weight, c)) << "step " << t;
    if (t % 1000 != 0 && t + 1 != kSteps) continue;  // a moment that has an Inf or NaN keeps it
    for (const auto& [name, value] : optimizer->state_dict()) {
      for (double x : value.template to_vector<double>())
        ASSERT_TRUE(std::isfinite(x)) << name << ", step " << t;
    }
  }
}

class Inside : public testing::TestWithParam<std::pair<const char*, Maker>> {};

TEST_P(Inside, AfterEachOfAMillionRandomSteps) {
  for (double c : {1e-3, 1.0, 10.0}) {
    stays_inside<float>(GetParam().second, c);
    stays_inside<double>(GetParam().second, c);
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, Inside,
                         testing::Values(std::pair{"zspace_plain", zspace(Rule::plain)},
                                         std::pair{"zspace_momentum", zspace(Rule::momentum)},
                                         std::pair{"zspace_adam", zspace(Rule::adam)},
                                         std::pair{"sgd", on_manifold<SGD>(SGDOptions{.lr = 0.5})},
                                         std::pair{"sgd_momentum",
                                                   on_manifold<SGD>(SGDOptions{.lr = 0.5, .momentum = 0.9})},
                                         std::pair{"adam", on_manifold<Adam>(AdamOptions{.lr = 0.5})}),
                         [](const auto& rule) { return rule.param.first; });

}  // namespace
}  // namespace st::optim
