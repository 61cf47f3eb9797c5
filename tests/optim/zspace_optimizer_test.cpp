// ZSpaceOptimizer: modes, tapes, geodesics, rates, checkpoints, and that no row ever leaves its ball.
#include "spiraltorch/optim/zspace_optimizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

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
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/optim/adam.h"
#include "spiraltorch/optim/sgd.h"
#include "spiraltorch/optim/warmup_cosine_scheduler.h"
#include "tests/optim/replaced.h"
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
    ZSpaceOptimizer opt(1, {.rule = rule, .momentum = 0.3});
    opt.set_mode(OptimizerMode::hypergrad(-1e-8, 0.2));
    opt.prepare_module(m);
    SGD sgd({flat.weight}, {.lr = 0.05, .momentum = rule == Rule::momentum ? 0.3 : 0.0});
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

TEST(ZSpaceOptimizer, AdamHasOneSecondMomentARowOverItsLength) {
  manual_seed(4);
  for (const ZSpaceOptimizerOptions& o :
       {ZSpaceOptimizerOptions{.rule = Rule::adam}, {.rule = Rule::adam, .betas = {0.5, 0.7}, .eps = 0.1}}) {
    nn::Linear m = random_layer(5, 3, DType::float64, 1);
    const PoincareBall ball(-1);
    ZSpaceOptimizer opt(1e-2, o);
    opt.set_mode(OptimizerMode::hypergrad(-1, 0.02));
    opt.prepare_module(m);
    const auto [b1, b2] = o.betas;
    Tensor w = m.weight.detach().clone(), moment = zeros({3, 5}, DType::float64),
           v = zeros({3, 1}, DType::float64);
    for (int t = 1; t <= 4; ++t) {
      const Tensor g = randn({3, 5}, DType::float64), rg = ball.egrad2rgrad(w, g);
      m.weight.set_grad(g);
      opt.step(m);
      moment = moment * b1 + rg * (1 - b1);
      v = v * b2 + ball.inner(w, rg, rg, keepdim) * ((1 - b2) / 5);
      const Tensor s = moment / (sqrt(v / (1 - std::pow(b2, t))) + o.eps) * (-0.02 / (1 - std::pow(b1, t)));
      const Tensor next = ball.expmap(w, s);
      moment = ball.transport(w, next, moment);
      w = next;
      EXPECT_LT(max(abs(m.weight - w)).item<double>(), 1e-12) << t;
    }
  }
}

TEST(ZSpaceOptimizer, MomentumIsTransported) {
  manual_seed(14);
  nn::Linear m = random_layer(5, 3, DType::float64, 1);
  const PoincareBall ball(-1);
  ZSpaceOptimizer opt(1, {.rule = Rule::momentum, .momentum = 0.6});
  opt.set_mode(OptimizerMode::hypergrad(-1, 0.1));
  opt.prepare_module(m);
  Tensor w = m.weight.detach().clone(), moment = zeros({3, 5}, DType::float64);
  for (int t = 1; t <= 4; ++t) {
    const Tensor g = randn({3, 5}, DType::float64);
    m.weight.set_grad(g);
    opt.step(m);
    moment = moment * 0.6 + ball.egrad2rgrad(w, g);
    const Tensor next = ball.expmap(w, moment * -0.1);
    moment = ball.transport(w, next, moment);
    w = next;
    EXPECT_LT(max(abs(m.weight - w)).item<double>(), 1e-12) << t;
  }
}

// Its flat leaves step together with SGD's and Adam's kernels: those that are flat memory, those that are
// strided, and those of 16 bits, which are neither.
TEST(ZSpaceOptimizer, FlatModesAreSgdAndAdam) {
  manual_seed(5);
  struct Three final : nn::Module {
    nn::Parameter whole{randn({3, 4})}, turned{randn({4, 3}).t()}, half{randn({5}).to(DType::bfloat16)};
    void visit(nn::Visitor& v) override {
      v("whole", whole);
      v("turned", turned);
      v("half", half);
    }
  };
  for (bool real : {true, false}) {
    for (Rule rule : {Rule::plain, Rule::momentum, Rule::adam}) {
      Three a, b = a;
      ZSpaceOptimizer opt(real ? 7 : 0.1, {.rule = rule, .momentum = 0.3, .betas = {0.5, 0.7}, .eps = 0.01});
      if (real) opt.set_mode(OptimizerMode::realgrad(0.1));
      opt.prepare_module(a);
      std::unique_ptr<Optimizer> other;
      if (rule == Rule::adam) {
        other =
            std::make_unique<Adam>(b.parameters(), AdamOptions{.lr = 0.1, .betas = {0.5, 0.7}, .eps = 0.01});
      } else {
        other = std::make_unique<SGD>(b.parameters(),
                                      SGDOptions{.lr = 0.1, .momentum = rule == Rule::momentum ? 0.3 : 0.0});
      }
      const std::vector<Tensor> x = a.parameters(), y = b.parameters();
      for (int t = 0; t < 4; ++t) {
        for (size_t i = 0; i < x.size(); ++i) {
          const Tensor g = randn(x[i].shape()).to(x[i].dtype());
          x[i].set_grad(g);
          y[i].set_grad(g.clone());
        }
        opt.step(a);
        other->step();
        for (size_t i = 0; i < x.size(); ++i) {
          EXPECT_EQ(x[i].to_vector<float>(), y[i].to_vector<float>()) << i;
        }
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
  EXPECT_THROW(opt.step(net), ValueError);  // also before the first backward
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

// The options are part of the state, as Adam's are.
TEST(ZSpaceOptimizer, ResumesWithTheOptionsOfTheCheckpoint) {
  manual_seed(9);
  for (Rule rule : {Rule::momentum, Rule::adam}) {
    nn::Linear a = random_layer(3, 4, DType::float64, 1), b = a;
    ZSpaceOptimizer first(1e-2, {.rule = rule, .momentum = 0.3, .betas = {0.5, 0.7}, .eps = 1e-2}),
        second(1e-2, {.rule = rule});
    for (ZSpaceOptimizer* o : {&first, &second}) o->set_mode(OptimizerMode::hypergrad(-0.5, 5e-2));
    first.prepare_module(a);
    second.prepare_module(b);
    second.load_state_dict(first.state_dict());
    EXPECT_EQ(second.options().momentum, 0.3);
    EXPECT_EQ(second.options().betas, (std::pair<double, double>{0.5, 0.7}));
    EXPECT_EQ(second.options().eps, 1e-2);
    for (int t = 0; t < 3; ++t) {
      const Tensor g = randn({4, 3}, DType::float64), gb = randn({4}, DType::float64);
      for (nn::Linear* m : {&a, &b}) m->weight.set_grad(g), m->bias.set_grad(gb);
      first.step(a);
      second.step(b);
      EXPECT_EQ(a.weight.to_vector<double>(), b.weight.to_vector<double>());
      EXPECT_EQ(a.bias.to_vector<double>(), b.bias.to_vector<double>());
    }
    for (const auto& [key, value, text] :
         {std::tuple{"momentum", 1.0, "ZSpaceOptimizer: momentum must be in [0, 1), got 1"},
          {"beta1", -0.5, "ZSpaceOptimizer: betas must be in [0, 1), got -0.5"},
          {"eps", 0.0, "ZSpaceOptimizer: eps must be positive and finite, got 0"}}) {
      const StateDict bad = test::replaced(first.state_dict(), std::string("groups.0.") + key, value);
      EXPECT_EQ(
          message<ValueError>([&] { second.load_state_dict(bad); }),
          std::string("load_state_dict: the state dict does not fit the optimizer:\n  groups.0: ") + text);
      EXPECT_EQ(second.options().momentum, 0.3);
    }
  }
}

TEST(ZSpaceOptimizer, StepWithoutAModuleRefusesToo) {
  nn::Linear known("fc", 2, 2), fresh("fc", 2, 2);
  ZSpaceOptimizer opt(0.5);
  known.weight.set_grad(ones({2, 2}));
  opt.step(known);  // Euclidean: it gets a tape that was never prepared
  opt.set_mode(OptimizerMode::hypergrad(-1, 5e-3));
  for (nn::Linear* m : {&known, &fresh}) m->weight.set_grad(ones({2, 2}));
  const std::vector<float> before = known.weight.to_vector<float>();
  const std::string text =
      "step: parameter \"weight\" (2, 2) was never prepared for the mode hypergrad(-1, 0.005): call "
      "prepare_module first";
  EXPECT_EQ(message<ValueError>([&] { opt.step(); }), text);
  EXPECT_EQ(message<ValueError>([&] { opt.step(known); }), text);
  EXPECT_EQ(message<ValueError>([&] { opt.step(fresh); }), text);
  EXPECT_EQ(known.weight.to_vector<float>(), before);
  EXPECT_EQ(opt.parameters().size(), 1u);  // a refused leaf is not taken in
  opt.prepare_module(known);
  opt.step();
  EXPECT_NE(known.weight.to_vector<float>(), before);
}

TEST(ZSpaceOptimizer, PrepareRefusesRowsThatAreNotFinite) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  for (double bad : {inf, -inf, std::nan("")}) {
    for (bool own : {false, true}) {
      struct Net final : nn::Module {
        nn::Linear a = layer(tensor({{3.0, 4.0}}, DType::float32), zeros({1})),
                   b = layer(zeros({2, 2}), zeros({2}));
        void visit(nn::Visitor& v) override {
          v("a", a);
          v("b", b);
        }
      } net;
      if (own) net.b.weight.set_manifold(std::make_shared<PoincareBall>(-1.0));
      {
        const NoGradGuard guard;
        net.b.weight.copy_(tensor({{0.5, 0}, {0, bad}}, DType::float32));
      }
      ZSpaceOptimizer opt(1e-2);
      opt.set_mode(OptimizerMode::hypergrad(-1, 5e-3));
      EXPECT_EQ(message<ValueError>([&] { opt.prepare_module(net); }),
                "prepare_module: row 1 of parameter \"b.weight\" is not finite");
      EXPECT_EQ(net.a.weight.to_vector<float>(), (std::vector<float>{3, 4}));
      EXPECT_TRUE(opt.parameters().empty());
      net.b.weight.Tensor::requires_grad_(false);  // a frozen parameter stays where it is
      EXPECT_EQ(opt.prepare_module(net), 1);
    }
  }
}

TEST(ZSpaceOptimizer, PrepareKeepsTheDirectionOfLargeRows) {
  struct Row {
    DType dtype;
    double size;
  };
  for (const Row& row : {Row{DType::float32, 1e30}, {DType::float64, 1e200}, {DType::float64, 2e307}}) {
    for (double c : {1.0, 0.25}) {
      for (bool own : {false, true}) {
        SCOPED_TRACE(to_text(row.size) + (own ? " own" : ""));
        nn::Linear m = layer(tensor({{0.1, 0.2}, {0.3, 0.4}}, row.dtype), zeros({2}, row.dtype));
        if (own) m.weight.set_manifold(std::make_shared<PoincareBall>(-c));
        {
          const NoGradGuard guard;
          m.weight.copy_(tensor({{3 * row.size, 4 * row.size}, {0.3, 0.4}}, row.dtype));
        }
        ZSpaceOptimizer opt(1e-2);
        if (!own) opt.set_mode(OptimizerMode::hypergrad(-c, 5e-3));
        EXPECT_EQ(opt.prepare_module(m), 1);
        const std::vector<double> w = m.weight.to_vector<double>();
        EXPECT_NEAR(std::hypot(w[0], w[1]) * std::sqrt(c), own ? 1 : 0.999, 1e-6);
        EXPECT_NEAR(w[1] / w[0], 4.0 / 3, 1e-6);
        EXPECT_NEAR(w[3], 0.4, 1e-7);
        EXPECT_NO_THROW(PoincareBall(-c).check_point(m.weight));
      }
    }
  }
}

TEST(ZSpaceOptimizer, PointsOfTheirOwnManifoldMoveOntoItInEveryMode) {
  for (const OptimizerMode& mode :
       {OptimizerMode::euclidean(), OptimizerMode::realgrad(0.1), OptimizerMode::hypergrad(-9, 0.1)}) {
    nn::Linear m = layer(zeros({3, 2}), zeros({3}));
    const auto ball = std::make_shared<PoincareBall>(-4.0);  // of radius 1/2
    m.weight.set_manifold(ball);
    const Tensor start = tensor({{3.0, 4.0}, {0.25, 0.25}, {0.0, 0.6}}, DType::float32);
    {
      const NoGradGuard guard;
      m.weight.copy_(start);
    }
    ZSpaceOptimizer opt(1e-2);
    opt.set_mode(mode);
    EXPECT_EQ(opt.prepare_module(m), 2) << mode.to_string();
    EXPECT_EQ(m.weight.to_vector<float>(), ball->projx(start).to_vector<float>());
    EXPECT_EQ(m.weight.to_vector<float>()[2], 0.25f);
    EXPECT_EQ(opt.prepare_module(m), 0);
  }
}

TEST(ZSpaceOptimizer, FrozenParametersStay) {
  for (bool own : {false, true}) {
    nn::Linear m = layer(zeros({1, 2}), zeros({1}));
    if (own) m.weight.set_manifold(std::make_shared<PoincareBall>(-1.0));
    {
      const NoGradGuard guard;
      m.weight.copy_(tensor({{3.0, 4.0}}, DType::float32));
    }
    m.weight.Tensor::requires_grad_(false);
    ZSpaceOptimizer opt(1);
    opt.set_mode(OptimizerMode::hypergrad(-1, 0.1));
    EXPECT_EQ(opt.prepare_module(m), 0);
    m.bias.set_grad(ones({1}));
    opt.step(m);
    EXPECT_EQ(m.weight.to_vector<float>(), (std::vector<float>{3, 4}));
    EXPECT_EQ(m.bias.item<float>(), -0.1f);
  }
}

// Rows of four dimensions, points of the parameter's own ball, and flat leaves, each with its own moments.
struct Mixed final : nn::Module {
  nn::Parameter bank{randn({3, 2, 2, 2}, DType::float64) * 0.1};
  nn::Parameter own{PoincareBall(-2).random({2, 4, 3}, 1.0, DType::float64)};
  nn::Parameter flat{randn({5}, DType::float64)};
  Mixed() { own.set_manifold(std::make_shared<PoincareBall>(-2.0)); }
  void visit(nn::Visitor& v) override {
    v("bank", bank);
    v("own", own);
    v("flat", flat);
  }
};

TEST(ZSpaceOptimizer, FilterBanksAndOwnManifoldsResumeBitForBit) {
  manual_seed(15);
  for (Rule rule : {Rule::plain, Rule::momentum, Rule::adam}) {
    Mixed a, b = a;
    ZSpaceOptimizer first(1e-2, {.rule = rule}), second(1e-2, {.rule = rule});
    first.set_mode(OptimizerMode::hypergrad(-0.5, 5e-2));
    first.prepare_module(a);
    second.prepare_module(b);
    for (int t = 0; t < 6; ++t) {
      if (t == 3) {
        b = a;
        second.load_state_dict(first.state_dict());
      }
      for (size_t i = 0; i < 3; ++i) {
        const Tensor g = randn(a.parameters()[i].shape(), DType::float64);
        a.parameters()[i].set_grad(g);
        b.parameters()[i].set_grad(g);
      }
      first.step();
      second.step();
      if (t < 3) continue;
      for (size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(a.parameters()[i].to_vector<double>(), b.parameters()[i].to_vector<double>()) << i;
      }
      EXPECT_EQ(test::text_of(first.state_dict()), test::text_of(second.state_dict()));
    }
  }
}

TEST(ZSpaceOptimizer, LoadingSaysWhatDoesNotFit) {
  manual_seed(16);
  Mixed m;
  ZSpaceOptimizer opt(1e-2, {.rule = Rule::adam});
  opt.set_mode(OptimizerMode::hypergrad(-0.5, 5e-2));
  opt.prepare_module(m);
  for (const Tensor& p : m.parameters()) p.set_grad(ones(p.shape(), DType::float64));
  opt.step();
  const StateDict good = opt.state_dict();
  const auto text = [&](const std::string& key, const auto& value) {
    const std::string head = "load_state_dict: the state dict does not fit the optimizer:\n  ";
    const std::string full =
        message<ValueError>([&] { opt.load_state_dict(test::replaced(good, key, value)); });
    EXPECT_EQ(test::text_of(opt.state_dict()), test::text_of(good)) << key;
    EXPECT_TRUE(full.starts_with(head)) << full;
    return full.substr(std::min(full.size(), head.size()));
  };
  EXPECT_EQ(text("groups.0.rule", 0), "\"groups.0.rule\" is 0, the optimizer's is 2");
  EXPECT_EQ(text("groups.0.mode", 3),
            "\"groups.0.mode\" is 3, not a mode\n  \"groups.0.curvature\" is -0.5 in mode 3");
  EXPECT_EQ(text("groups.0.curvature", 0), "\"groups.0.curvature\" is 0 in mode 2");
  EXPECT_EQ(text("groups.0.mode_lr", 0), "\"groups.0.mode_lr\" is 0 in mode 2");
  EXPECT_EQ(text("groups.0.lr", -1), "\"groups.0.lr\" is -1");
  EXPECT_EQ(text("groups.0.ratio", 0), "\"groups.0.ratio\" is 0");
  EXPECT_EQ(text("state.0.mode", 1),
            "\"state.0.curvature\" is -0.5 in mode 1\n  \"state.0.moment\" is (3, 8), in "
            "its mode it is (3, 2, 2, 2)\n  \"state.0.second_moment\" is (3, 1), in its "
            "mode it is (3, 2, 2, 2)");
  EXPECT_EQ(text("state.0.lr", -2), "\"state.0.lr\" is -2");
  EXPECT_EQ(text("state.1.ratio", -1), "\"state.1.ratio\" is -1");
  EXPECT_EQ(text("state.0.moment", zeros({3, 2, 2, 2})),
            "\"state.0.moment\" is (3, 2, 2, 2), in its mode it is (3, 8)");
  EXPECT_EQ(text("state.1.second_moment", zeros({2, 4, 3})),
            "\"state.1.second_moment\" is (2, 4, 3), in its mode it is (2, 4, 1)");
  EXPECT_EQ(text("state.2.moment", zeros({4})),
            "\"state.2.moment\" is (4,) in the state dict, the parameter is (5,)");
  EXPECT_EQ(text("state.2.step", -1), "\"state.2.step\" is -1, a whole number of at least 0 is needed");
}

TEST(ZSpaceOptimizer, RefusesWhatMakesNoSense) {
  EXPECT_EQ(message<ValueError>([] { ZSpaceOptimizer(0); }),
            "ZSpaceOptimizer: lr must be positive and finite, got 0");
  EXPECT_EQ(message<ValueError>([] { ZSpaceOptimizer(1, {.momentum = 1}); }),
            "ZSpaceOptimizer: momentum must be in [0, 1), got 1");
  EXPECT_EQ(message<ValueError>([] {
              ZSpaceOptimizer(1, {.betas = {0.9, 1}});
            }),
            "ZSpaceOptimizer: betas must be in [0, 1), got 1");
  EXPECT_EQ(message<ValueError>([] {
              ZSpaceOptimizer(1, {.betas = {-0.1, 0.9}});
            }),
            "ZSpaceOptimizer: betas must be in [0, 1), got -0.1");
  EXPECT_EQ(message<ValueError>([] { ZSpaceOptimizer(1, {.eps = 0}); }),
            "ZSpaceOptimizer: eps must be positive and finite, got 0");
  EXPECT_EQ(message<ValueError>([] { OptimizerMode::hypergrad(0, 1); }),
            "hypergrad: curvature must be negative and finite, got 0");
  EXPECT_EQ(message<ValueError>([] { OptimizerMode::hypergrad(-1, 0); }),
            "hypergrad: lr must be positive and finite, got 0");
  EXPECT_EQ(message<ValueError>([] { OptimizerMode::realgrad(-1); }),
            "realgrad: lr must be positive and finite, got -1");
}

}  // namespace
}  // namespace st::optim
