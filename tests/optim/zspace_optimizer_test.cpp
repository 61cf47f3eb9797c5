// ZSpaceOptimizer: modes, tapes, geodesics, rates, checkpoints, and that no row ever leaves its ball.
#include "spiraltorch/optim/zspace_optimizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "spiraltorch/core/modes.h"
#include "spiraltorch/geometry/euclidean.h"
#include "spiraltorch/geometry/poincare_ball.h"
#include "spiraltorch/nn/linear.h"
#include "spiraltorch/nn/sequential.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/optim/adam.h"
#include "spiraltorch/optim/sgd.h"
#include "spiraltorch/optim/warmup_cosine_scheduler.h"
#include "tests/support/message.h"

namespace st::optim {
namespace {

using Row = std::vector<double>;

double dot(const Row& a, const Row& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Where the geodesic of the ball with x(0), x'(0) = v is at time 1, by Runge-Kutta of order 4:
// x'' = -2 (<grad phi, x'> x') + |x'|^2 grad phi,  phi = log lambda, grad phi = 2 c x / (1 - c|x|^2).
Row integrated(Row x, Row v, double c, int steps) {
  const size_t n = x.size();
  const double h = 1.0 / steps;
  const auto slope = [&](const Row& x, const Row& v) {
    const double s = 2 * c / (1 - c * dot(x, x)), along = dot(x, v), square = dot(v, v);
    Row a(n);
    for (size_t i = 0; i < n; ++i) a[i] = s * (-2 * along * v[i] + square * x[i]);
    return a;
  };
  const auto moved = [&](const Row& a, double s, const Row& b) {
    Row r(n);
    for (size_t i = 0; i < n; ++i) r[i] = a[i] + s * b[i];
    return r;
  };
  for (int t = 0; t < steps; ++t) {
    const Row a1 = slope(x, v), v2 = moved(v, h / 2, a1), a2 = slope(moved(x, h / 2, v), v2),
              v3 = moved(v, h / 2, a2), a3 = slope(moved(x, h / 2, v2), v3), v4 = moved(v, h, a3),
              a4 = slope(moved(x, h, v3), v4);
    for (size_t i = 0; i < n; ++i) {
      x[i] += h / 6 * (v[i] + 2 * v2[i] + 2 * v3[i] + v4[i]);
      v[i] += h / 6 * (a1[i] + 2 * a2[i] + 2 * a3[i] + a4[i]);
    }
  }
  return x;
}

nn::Linear layer(const Tensor& weight, const Tensor& bias) {
  nn::Linear m("fc", weight.size(1), weight.size(0));
  m.to(weight.dtype());
  const NoGradGuard guard;
  m.weight.copy_(weight);
  m.bias.copy_(bias);
  return m;
}

nn::Linear random_layer(int64_t in, int64_t out, DType dtype, double c) {
  return layer(PoincareBall(-c).random({out, in}, 1.0, dtype), randn({out}, dtype));
}

TEST(ZSpaceOptimizer, AStepIsTheGeodesic) {
  manual_seed(1);
  for (double c : {1.0, 0.2, 5.0}) {
    nn::Linear m = random_layer(4, 6, DType::float64, c);
    const Tensor before = m.weight.detach().clone(), bias = m.bias.detach().clone();
    ZSpaceOptimizer opt(1);
    opt.set_mode(OptimizerMode::hypergrad(-c, 0.3));
    EXPECT_EQ(opt.prepare_module(m), 0);
    const Tensor g = randn({6, 4}, DType::float64), gb = randn({6}, DType::float64);
    m.weight.set_grad(g);
    m.bias.set_grad(gb);
    opt.step(m);
    EXPECT_FALSE(m.weight.grad().defined());
    for (int64_t r = 0; r < 6; ++r) {
      const Row x = before[r].to_vector<double>();
      Row v = g[r].to_vector<double>();
      const double a = 1 - c * dot(x, x);
      for (double& e : v) e *= -0.3 * a * a / 4;
      const Row expected = integrated(x, v, c, 10000), y = m.weight[r].to_vector<double>();
      for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], expected[i], 1e-10) << c;
    }
    EXPECT_LT(max(abs(m.bias - (bias - gb * 0.3))).item<double>(), 1e-15);  // the realgrad step
  }
}

TEST(ZSpaceOptimizer, NearFlatItIsSgdAtAQuarterOfTheRate) {
  manual_seed(2);
  for (Rule rule : {Rule::plain, Rule::momentum}) {
    nn::Linear m = random_layer(4, 6, DType::float64, 1), flat = m;
    ZSpaceOptimizer opt(1, {.rule = rule});
    opt.set_mode(OptimizerMode::hypergrad(-1e-8, 0.2));
    opt.prepare_module(m);
    SGD sgd({flat.weight}, {.lr = 0.05, .momentum = rule == Rule::momentum ? 0.9 : 0.0});
    for (int t = 0; t < 5; ++t) {
      const Tensor g = randn({6, 4}, DType::float64);
      m.weight.set_grad(g);
      flat.weight.set_grad(g);
      opt.step(m);
      sgd.step();
    }
    EXPECT_LT(max(abs(m.weight - flat.weight)).item<double>(), 1e-6);
  }
}

TEST(ZSpaceOptimizer, AMillionRandomStepsStayInside) {
  manual_seed(3);
  std::vector<Tensor> gradients;
  for (int i = 0; i < 499; ++i) {  // sizes from 1e-4 to 1e6
    gradients.push_back(randn({8, 3}) * std::pow(10.0, static_cast<double>(i % 11) - 4));
  }
  for (Rule rule : {Rule::plain, Rule::momentum, Rule::adam}) {
    nn::Linear m = random_layer(3, 8, DType::float32, 1);
    m.bias.Tensor::requires_grad_(false);
    ZSpaceOptimizer opt(1, {.rule = rule});
    opt.set_mode(OptimizerMode::hypergrad(-1, 0.5));
    opt.prepare_module(m);
    for (int t = 0; t < 125000; ++t) {  // of 8 rows each
      m.weight.set_grad(gradients[static_cast<size_t>(t) % gradients.size()]);
      opt.step();
      if (t % 16 != 0) continue;
      const float* w = m.weight.data<float>().data();
      for (int r = 0; r < 8; ++r) {
        double square = 0;
        for (int i = 0; i < 3; ++i)
          square += static_cast<double>(w[3 * r + i]) * static_cast<double>(w[3 * r + i]);
        ASSERT_LT(square, 1) << "rule " << static_cast<int>(rule) << " step " << t;  // NaN fails, too
      }
    }
  }
}

TEST(ZSpaceOptimizer, AdamHasOneSecondMomentARowOverItsLength) {
  manual_seed(4);
  nn::Linear m = random_layer(5, 3, DType::float64, 1);
  const PoincareBall ball(-1);
  ZSpaceOptimizer opt(1e-2, {.rule = Rule::adam});
  opt.set_mode(OptimizerMode::hypergrad(-1, 0.02));
  opt.prepare_module(m);
  Tensor w = m.weight.detach().clone(), moment = zeros({3, 5}, DType::float64),
         v = zeros({3, 1}, DType::float64);
  for (int t = 1; t <= 4; ++t) {
    const Tensor g = randn({3, 5}, DType::float64), rg = ball.egrad2rgrad(w, g);
    m.weight.set_grad(g);
    opt.step(m);
    moment = moment * 0.9 + rg * 0.1;
    v = v * 0.999 + ball.inner(w, rg, rg, keepdim) * (0.001 / 5);
    const Tensor s = moment / (sqrt(v / (1 - std::pow(0.999, t))) + 1e-8) * (-0.02 / (1 - std::pow(0.9, t)));
    const Tensor next = ball.expmap(w, s);
    moment = ball.transport(w, next, moment);
    w = next;
    EXPECT_LT(max(abs(m.weight - w)).item<double>(), 1e-12) << t;
  }
}

TEST(ZSpaceOptimizer, FlatModesAreSgdAndAdam) {
  manual_seed(5);
  for (bool real : {true, false}) {
    for (Rule rule : {Rule::plain, Rule::momentum, Rule::adam}) {
      nn::Linear a("fc", 4, 3), b = a;
      ZSpaceOptimizer opt(real ? 7 : 0.1, {.rule = rule});
      if (real) opt.set_mode(OptimizerMode::realgrad(0.1));
      opt.prepare_module(a);
      std::unique_ptr<Optimizer> other;
      if (rule == Rule::adam) {
        other = std::make_unique<Adam>(b.parameters(), AdamOptions{.lr = 0.1});
      } else {
        other = std::make_unique<SGD>(b.parameters(),
                                      SGDOptions{.lr = 0.1, .momentum = rule == Rule::momentum ? 0.9 : 0.0});
      }
      for (int t = 0; t < 4; ++t) {
        for (size_t i = 0; i < 2; ++i) {
          const Tensor g = randn(a.parameters()[i].shape());
          a.parameters()[i].set_grad(g);
          b.parameters()[i].set_grad(g.clone());
        }
        opt.step(a);
        other->step();
        EXPECT_EQ(a.weight.to_vector<float>(), b.weight.to_vector<float>());
        EXPECT_EQ(a.bias.to_vector<float>(), b.bias.to_vector<float>());
      }
    }
  }
}

TEST(ZSpaceOptimizer, PrepareMovesRowsInsideAndSaysHowMany) {
  nn::Linear m = layer(tensor({{3.0, 4.0}, {0.1, 0.2}, {0.0, 1.0}}, DType::float32), zeros({3}));
  ZSpaceOptimizer opt(1e-2);
  EXPECT_EQ(opt.prepare_module(m), 0);  // Euclidean: rows are no points
  opt.set_mode(OptimizerMode::hypergrad(-1, 5e-3));
  EXPECT_EQ(opt.prepare_module(m), 2);
  const std::vector<double> w = m.weight.to_vector<double>();
  EXPECT_NEAR(std::hypot(w[0], w[1]), 0.999, 1e-6);
  EXPECT_NEAR(w[1] / w[0], 4.0 / 3, 1e-6);
  EXPECT_EQ(w[2], static_cast<double>(0.1f));
  EXPECT_NEAR(w[5], 0.999, 1e-6);
  EXPECT_EQ(opt.prepare_module(m), 0);
}

TEST(ZSpaceOptimizer, ANewTapeForgets) {
  nn::Linear m("fc", 2, 1);
  ZSpaceOptimizer opt(1, {.rule = Rule::momentum});
  opt.set_mode(OptimizerMode::realgrad(0.5));
  opt.prepare_module(m);
  const auto step = [&] {
    m.bias.set_grad(ones({1}));
    const double before = m.bias.item<double>();
    opt.step(m);
    return before - m.bias.item<double>();
  };
  EXPECT_NEAR(step(), 0.5, 1e-6);
  EXPECT_NEAR(step(), 0.95, 1e-6);
  opt.prepare_module(m);
  EXPECT_NEAR(step(), 0.5, 1e-6);
}

TEST(ZSpaceOptimizer, ALeafThatWasNeverPreparedIsNamed) {
  nn::Sequential net(nn::Linear("a", 2, 2), nn::Linear("b", 2, 2));
  ZSpaceOptimizer opt(0.5);
  const std::vector<Tensor> p = net.parameters();
  const auto give = [&] {
    for (const Tensor& t : p) t.set_grad(ones(t.shape()));
  };
  give();
  opt.step(net);  // Euclidean needs no tape
  opt.set_mode(OptimizerMode::hypergrad(-1, 5e-3));
  give();
  const std::vector<float> before = p[0].to_vector<float>();
  EXPECT_EQ(message<ValueError>([&] { opt.step(net); }),
            "step: parameter \"a.weight\" (2, 2) was never prepared for the mode hypergrad(-1, 0.005): call "
            "prepare_module first");
  EXPECT_EQ(p[0].to_vector<float>(), before);
  EXPECT_TRUE(p[0].grad().defined());
  opt.prepare_module(net);
  opt.step(net);
  EXPECT_NE(p[0].to_vector<float>(), before);
}

TEST(ZSpaceOptimizer, OnlyStepOfAModuleClears) {
  nn::Linear m("fc", 2, 1), other("fc2", 2, 1);
  ZSpaceOptimizer opt(0.5);
  opt.prepare_module(m);
  opt.prepare_module(other);
  for (nn::Linear* l : {&m, &other}) l->bias.set_grad(ones({1}));
  const double before = other.bias.item<double>();
  opt.step(m);
  EXPECT_FALSE(m.bias.grad().defined());
  EXPECT_TRUE(other.bias.grad().defined());
  EXPECT_EQ(other.bias.item<double>(), before);
  opt.step();
  EXPECT_NEAR(other.bias.item<double>(), before - 0.5, 1e-6);
  EXPECT_TRUE(other.bias.grad().defined());
  opt.zero_grad(other);
  EXPECT_FALSE(other.bias.grad().defined());
}

TEST(ZSpaceOptimizer, AManifoldOfItsOwnStays) {
  manual_seed(6);
  nn::Linear curved = random_layer(3, 4, DType::float64, 2.0), flat = random_layer(3, 4, DType::float64, 1.0);
  curved.weight.set_manifold(std::make_shared<PoincareBall>(-2.0));
  flat.weight.set_manifold(std::make_shared<Euclidean>());
  ZSpaceOptimizer opt(1);
  opt.set_mode(OptimizerMode::hypergrad(-1, 0.1));
  opt.prepare_module(curved);
  opt.prepare_module(flat);
  const Tensor g = randn({4, 3}, DType::float64);
  curved.weight.set_grad(g);
  flat.weight.set_grad(g);
  const PoincareBall ball(-2);
  const Tensor w = curved.weight.detach(), before = flat.weight.detach().clone();
  const Tensor expected = ball.expmap(w, ball.egrad2rgrad(w, g) * -0.1);
  opt.step();
  EXPECT_LT(max(abs(curved.weight - expected)).item<double>(), 1e-14);
  EXPECT_LT(max(abs(flat.weight - (before - g * 0.1))).item<double>(), 1e-15);
}

TEST(ZSpaceOptimizer, FilterBanksAreRowsToo) {
  manual_seed(7);
  struct Bank final : nn::Module {
    nn::Parameter weight{randn({3, 2, 2, 2}, DType::float64) * 0.1};
    void visit(nn::Visitor& v) override { v("weight", weight); }
  };
  Bank bank, permuted = bank;
  permuted.weight =
      nn::Parameter(bank.weight.detach().permute({0, 2, 3, 1}).contiguous().permute({0, 3, 1, 2}));
  const Tensor g = randn({3, 2, 2, 2}, DType::float64), w = bank.weight.detach().clone();
  ZSpaceOptimizer opt(1);
  opt.set_mode(OptimizerMode::hypergrad(-1, 0.4));
  opt.prepare_module(bank);
  opt.prepare_module(permuted);
  bank.weight.set_grad(g);
  permuted.weight.set_grad(g);
  opt.step();
  const PoincareBall ball(-1);
  const Tensor x = w.reshape({3, 8}),
               expected = ball.expmap(x, ball.egrad2rgrad(x, g.reshape({3, 8})) * -0.4);
  EXPECT_LT(max(abs(bank.weight.reshape({3, 8}) - expected)).item<double>(), 1e-14);
  EXPECT_LT(max(abs(permuted.weight.reshape({3, 8}) - expected)).item<double>(), 1e-14);
}

TEST(ZSpaceOptimizer, ASchedulesRateKeepsTheModesRatio) {
  nn::Linear a("a", 2, 1), b("b", 2, 1);
  ZSpaceOptimizer opt(1e-2);
  opt.set_mode(OptimizerMode::realgrad(5e-3));  // half of the optimiser's
  opt.prepare_module(a);
  opt.prepare_module(b);
  WarmupCosineScheduler s(1e-2, 0, 2, 4);
  EXPECT_DOUBLE_EQ(s.step_optimizer(opt, a), 5e-3);
  EXPECT_DOUBLE_EQ(opt.lr(), 5e-3);
  const auto moves = [&](nn::Linear& m) {
    const double before = m.bias.item<double>();
    m.bias.set_grad(ones({1}));
    opt.step(m);
    return before - m.bias.item<double>();
  };
  EXPECT_NEAR(moves(a), 2.5e-3, 1e-7);
  EXPECT_NEAR(moves(b), 5e-3, 1e-7);  // the other layer's tapes keep theirs
  opt.set_lr(2e-2);                   // all tapes
  EXPECT_NEAR(moves(a), 1e-2, 1e-7);
  EXPECT_NEAR(moves(b), 1e-2, 1e-7);
  opt.set_lr(0);
  EXPECT_EQ(moves(a), 0);
  EXPECT_THROW(opt.set_lr(-1), ValueError);
}

TEST(ZSpaceOptimizer, ResumesBitForBit) {
  manual_seed(8);
  for (Rule rule : {Rule::plain, Rule::momentum, Rule::adam}) {
    nn::Linear a = random_layer(3, 4, DType::float32, 1), b = a;
    ZSpaceOptimizer first(1e-2, {.rule = rule}), second(5, {.rule = rule});
    first.set_mode(OptimizerMode::hypergrad(-0.5, 5e-2));
    first.prepare_module(a);
    second.prepare_module(b);  // in another mode: the tapes come from the checkpoint
    const auto step = [](ZSpaceOptimizer& o, nn::Linear& m, const Tensor& g, const Tensor& gb) {
      m.weight.set_grad(g);
      m.bias.set_grad(gb);
      o.step(m);
    };
    for (int t = 0; t < 3; ++t) step(first, a, randn({4, 3}), randn({4}));
    b = a;
    second.load_state_dict(first.state_dict());
    EXPECT_EQ(second.mode().to_string(), "hypergrad(-0.5, 0.05)");
    for (int t = 0; t < 3; ++t) {
      const Tensor g = randn({4, 3}), gb = randn({4});
      step(first, a, g, gb);
      step(second, b, g, gb);
      EXPECT_EQ(a.weight.to_vector<float>(), b.weight.to_vector<float>());
      EXPECT_EQ(a.bias.to_vector<float>(), b.bias.to_vector<float>());
    }
    ZSpaceOptimizer wrong(1, {.rule = rule == Rule::adam ? Rule::plain : Rule::adam});
    wrong.prepare_module(b);
    EXPECT_THROW(wrong.load_state_dict(first.state_dict()), ValueError);
  }
}

TEST(ZSpaceOptimizer, RefusesWhatMakesNoSense) {
  EXPECT_EQ(message<ValueError>([] { ZSpaceOptimizer(0); }),
            "ZSpaceOptimizer: lr must be positive and finite, got 0");
  EXPECT_EQ(message<ValueError>([] { ZSpaceOptimizer(1, {.momentum = 1}); }),
            "ZSpaceOptimizer: momentum must be in [0, 1), got 1");
  EXPECT_EQ(message<ValueError>([] { OptimizerMode::hypergrad(0, 1); }),
            "hypergrad: curvature must be negative and finite, got 0");
  EXPECT_EQ(message<ValueError>([] { OptimizerMode::hypergrad(-1, 0); }),
            "hypergrad: lr must be positive and finite, got 0");
  EXPECT_EQ(message<ValueError>([] { OptimizerMode::realgrad(-1); }),
            "realgrad: lr must be positive and finite, got -1");
}

}  // namespace
}  // namespace st::optim
