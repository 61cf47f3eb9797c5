// SGD and Adam on the ball: against geoopt's in float64 (tests/reference/zspace_reference.py), the fused
// kernel against the composed maps, and saved state.
#include "spiraltorch/optim/riemannian.h"

#include <gtest/gtest.h>

#include <cmath>

#include "spiraltorch/core/modes.h"
#include "spiraltorch/geometry/euclidean.h"
#include "spiraltorch/geometry/poincare_ball.h"
#include "spiraltorch/io/safetensors.h"
#include "spiraltorch/nn/parameter.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/optim/adam.h"
#include "spiraltorch/optim/rmsprop.h"
#include "spiraltorch/optim/sgd.h"
#include "tests/support/message.h"

namespace st::optim {
namespace {

// The same ball under another type: it goes through the composed form.
class Composed final : public Manifold {
 public:
  explicit Composed(double k) : ball_(k) {}
  std::string_view name() const override { return ball_.name(); }
  double curvature() const override { return ball_.curvature(); }
  Tensor projx(const Tensor& x) const override { return ball_.projx(x); }
  Tensor egrad2rgrad(const Tensor& x, const Tensor& g) const override { return ball_.egrad2rgrad(x, g); }
  Tensor expmap(const Tensor& x, const Tensor& v) const override { return ball_.expmap(x, v); }
  Tensor logmap(const Tensor& x, const Tensor& y) const override { return ball_.logmap(x, y); }
  Tensor retract(const Tensor& x, const Tensor& v) const override { return ball_.retract(x, v); }
  Tensor transport(const Tensor& x, const Tensor& y, const Tensor& v) const override {
    return ball_.transport(x, y, v);
  }
  Tensor inner(const Tensor& x, const Tensor& u, const Tensor& v, KeepDim keep) const override {
    return ball_.inner(x, u, v, keep);
  }
  Tensor component_inner(const Tensor& x, const Tensor& u) const override {
    return ball_.component_inner(x, u);
  }
  Tensor dist(const Tensor& x, const Tensor& y, KeepDim keep) const override {
    return ball_.dist(x, y, keep);
  }
  Tensor random(const Shape& shape, double std, DType dtype) const override {
    return ball_.random(shape, std, dtype);
  }
  void check_point(const Tensor& x) const override { ball_.check_point(x); }

 private:
  PoincareBall ball_;
};

Tensor gradient(const Tensor& p, int step) {
  std::vector<double> g = p.to_vector<double>();
  for (size_t i = 0; i < g.size(); ++i) {
    g[i] = 0.5 * g[i] + (static_cast<double>((7 * static_cast<size_t>(step) + 3 * i) % 11) - 5) / 10;
  }
  return tensor(g).reshape(p.shape());
}

template <class Rule, class Options>
void follows(const std::string& name, const Options& options) {
  const StateDict values = io::load_safetensors(SPIRALTORCH_TESTS_DIR "/optim/riemannian.safetensors");
  for (double c : {1.0, 0.3}) {
    const Tensor expected = values.at(name + "/" + to_text(c));
    const double s = 1 / std::sqrt(c);
    for (int form = 0; form < 2; ++form) {
      SCOPED_TRACE(name + (form ? " composed " : " fused ") + to_text(c));
      nn::Parameter p(tensor({{-0.5, 0.3, 0.1}, {0.02, 0.0, 0.6}, {0.0, 0.0, 0.0}}, DType::float64) * s);
      if (form) {
        p.set_manifold(std::make_shared<Composed>(-c));
      } else {
        p.set_manifold(std::make_shared<PoincareBall>(-c));
      }
      Rule rule({p}, options);
      for (int step = 0; step < 20; ++step) {
        p.set_grad(gradient(p, step));
        rule.step();
        const std::vector<double> x = p.template to_vector<double>(),
                                  y = expected[step].template to_vector<double>();
        for (size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], 1e-11) << "step " << step << ", " << i;
      }
    }
  }
}

TEST(Riemannian, SgdFollowsGeoopt) {
  follows<SGD, SGDOptions>("sgd", {.lr = 0.1});
  follows<SGD, SGDOptions>("sgd_decay", {.lr = 0.1, .weight_decay = 0.05});
  follows<SGD, SGDOptions>("sgd_momentum", {.lr = 0.1, .momentum = 0.9});
  follows<SGD, SGDOptions>("sgd_nesterov", {.lr = 0.1, .momentum = 0.8, .nesterov = true});
}

TEST(Riemannian, AdamFollowsGeoopt) {
  follows<Adam, AdamOptions>("adam", {.lr = 0.05});
  follows<Adam, AdamOptions>("adam_decay",
                             {.lr = 0.05, .betas = {0.8, 0.95}, .eps = 1e-3, .weight_decay = 0.05});
  follows<Adam, AdamOptions>("adam_amsgrad", {.lr = 0.05, .betas = {0.5, 0.6}, .amsgrad = true});
}

// All rules, both kinds of step, widths around vectors, blocks and tails.
TEST(Riemannian, TheFusedKernelIsTheComposedMaps) {
  manual_seed(3);
  for (StepRule rule : {StepRule::plain, StepRule::momentum, StepRule::adam}) {
    for (bool geodesic : {true, false}) {
      for (int64_t d : {1, 2, 7, 8, 9, 33}) {
        for (double k : {-1.0, -0.01, -7.0}) {
          const PoincareBall ball(k);
          const Composed composed(k);
          const Tensor w = ball.random({70, d}, 1.0, DType::float64), copy = w.clone();
          Tensor m1, m2, v1, v2;
          for (int t = 1; t < 4; ++t) {
            const Tensor g = randn({70, d}, DType::float64);
            BallStep o{
                .rule = rule, .geodesic = geodesic, .lr = 0.2, .sign = t == 2 ? -1.0 : 1.0, .decay = 0.01};
            if (rule != StepRule::plain) o.keep = 0.9, o.gain = 0.3;
            if (rule == StepRule::adam) o.beta2 = 0.99, o.parts = 3, o.correction = 1.5, o.eps = 1e-8;
            RiemannianState a, b;
            if (rule != StepRule::plain) a.m = &m1, b.m = &m2;
            if (rule == StepRule::adam) a.v = &v1, b.v = &v2;
            riemannian_step(ball, o, w, g, a);
            riemannian_step(composed, o, copy, g, b);
            const auto worst = [](const Tensor& x, const Tensor& y) {
              return max(abs(x - y)).item<double>() / (1e-300 + max(abs(y)).item<double>());
            };
            EXPECT_LT(worst(w, copy), 1e-12) << d << " " << k;
            if (a.m) {
              // steps of length 10 and more end near the boundary, where transport loses digits
              EXPECT_LT(worst(m1, m2), 1e-9) << d << " " << k;
            }
            if (a.v) {
              EXPECT_LT(worst(v1, v2), 1e-13) << d << " " << k;
            }
          }
        }
      }
    }
  }
}

// In float32, from points whose gap float32 knows to 2^-18 and better: moments, too.
TEST(Riemannian, TheFusedKernelInFloat32) {
  manual_seed(13);
  for (StepRule rule : {StepRule::plain, StepRule::momentum, StepRule::adam}) {
    for (bool geodesic : {true, false}) {
      for (int64_t d : {1, 3, 8, 10, 16, 33}) {
        for (double k : {-1.0, -0.01, -7.0}) {
          SCOPED_TRACE(to_text(d) + " " + to_text(k));
          const PoincareBall ball(k);
          const Composed composed(k);
          const Tensor w = ball.random({70, d}, 1.0, DType::float32), wide = w.to(DType::float64);
          Tensor m1, m2, v1, v2;
          for (int t = 1; t < 4; ++t) {
            const Tensor g = randn({70, d});
            BallStep o{.rule = rule, .geodesic = geodesic, .lr = 0.05, .decay = 0.01};
            if (rule != StepRule::plain) o.keep = 0.9, o.gain = 0.3;
            if (rule == StepRule::adam) o.beta2 = 0.99, o.parts = 3, o.correction = 1.5, o.eps = 1e-8;
            RiemannianState a, b;
            if (rule != StepRule::plain) a.m = &m1, b.m = &m2;
            if (rule == StepRule::adam) a.v = &v1, b.v = &v2;
            riemannian_step(ball, o, w, g, a);
            riemannian_step(composed, o, wide, g.to(DType::float64), b);
            const auto worst = [](const Tensor& x, const Tensor& y) {
              return max(abs(x.to(DType::float64) - y)).item<double>() / max(abs(y)).item<double>();
            };
            // A dozen roundings of 2^-24 in each of three steps; the next gradient scales them by the gap.
            EXPECT_LT(worst(w, wide), 1e-5);
            if (a.m) {
              EXPECT_LT(worst(m1, m2), 1e-5);
            }
            if (a.v) {
              EXPECT_LT(worst(v1, v2), 1e-5);
            }
          }
        }
      }
    }
  }
}

// Rules and options that geoopt's file has not, against their formulas in the ball's own maps.
struct Formula {
  double lr = 0.1, momentum = 0, dampening = 0, decay = 0, b1 = 0.9, b2 = 0.999, eps = 1e-8;
  bool nesterov = false, maximize = false, adam = false, amsgrad = false, adamw = false;

  void check(Optimizer& optimizer, const nn::Parameter& p) const {
    const PoincareBall ball(-1);
    Tensor w = p.detach().clone(), m, v, largest;
    for (int t = 1; t <= 6; ++t) {
      const Tensor g = gradient(w, t);
      p.set_grad(g);
      optimizer.step();
      if (adamw) w = w * (1 - lr * decay);
      const Tensor r = ball.egrad2rgrad(w, g * (maximize ? -1.0 : 1.0) + w * (adamw ? 0 : decay));
      const double gain = adam ? 1 - b1 : t == 1 ? 1 : 1 - dampening;
      m = m.defined() ? m * (adam ? b1 : momentum) + r * gain : r * gain;
      Tensor direction = nesterov ? r + m * momentum : m;
      double rate = lr;
      if (adam) {
        const Tensor part = ball.inner(w, r, r, keepdim) * (1 - b2);
        v = v.defined() ? v * b2 + part : part;
        largest = amsgrad && largest.defined() ? maximum(largest, v) : v;
        direction = m / (sqrt(largest / (1 - std::pow(b2, t))) + eps);
        rate = lr / (1 - std::pow(b1, t));
      }
      const Tensor next = ball.retract(w, direction * -rate);
      m = ball.transport(w, next, m);
      w = next;
      ASSERT_LT(max(abs(p - w)).item<double>(), 1e-12) << "step " << t;
    }
  }
};

TEST(Riemannian, OptionsOfThePublicRules) {
  manual_seed(17);
  const auto point = [] {
    nn::Parameter p(PoincareBall(-1).random({4, 3}, 1.0, DType::float64));
    p.set_manifold(std::make_shared<PoincareBall>(-1.0));
    return p;
  };
  const auto check = [&]<class Rule, class Options>(const char* name, const Options& options,
                                                    const Formula& f, Rule* /*type*/) {
    SCOPED_TRACE(name);
    const nn::Parameter p = point();
    Rule rule({p}, options);
    f.check(rule, p);
  };
  SGD* const sgd = nullptr;
  Adam* const adam = nullptr;
  AdamW* const adamw = nullptr;
  check("maximize", SGDOptions{.lr = 0.1, .maximize = true}, {.maximize = true}, sgd);
  check("dampening", SGDOptions{.lr = 0.1, .momentum = 0.8, .dampening = 0.4, .weight_decay = 0.2},
        {.momentum = 0.8, .dampening = 0.4, .decay = 0.2}, sgd);
  check("nesterov", SGDOptions{.lr = 0.1, .momentum = 0.7, .nesterov = true, .maximize = true},
        {.momentum = 0.7, .nesterov = true, .maximize = true}, sgd);
  check("adam maximize", AdamOptions{.lr = 0.1, .betas = {0.5, 0.6}, .weight_decay = 0.2, .maximize = true},
        {.decay = 0.2, .b1 = 0.5, .b2 = 0.6, .maximize = true, .adam = true}, adam);
  check("amsgrad", AdamOptions{.lr = 0.1, .betas = {0.5, 0.3}, .amsgrad = true, .maximize = true},
        {.b1 = 0.5, .b2 = 0.3, .maximize = true, .adam = true, .amsgrad = true}, adam);
  check("adamw", AdamWOptions{.lr = 0.1, .weight_decay = 0.3}, {.decay = 0.3, .adam = true, .adamw = true},
        adamw);
  check("adamw amsgrad",
        AdamWOptions{.lr = 0.1, .betas = {0.5, 0.3}, .eps = 0.01, .weight_decay = 0.3, .amsgrad = true},
        {.decay = 0.3, .b1 = 0.5, .b2 = 0.3, .eps = 0.01, .adam = true, .amsgrad = true, .adamw = true},
        adamw);
}

TEST(Riemannian, TheMomentKeepsItsLength) {
  manual_seed(4);
  const PoincareBall ball(-1);
  const Tensor w = ball.random({100, 5}, 2.0, DType::float64), before = w.clone();
  Tensor m = geometry::transport0(w, randn({100, 5}, DType::float64) * 0.3);
  const Tensor length = ball.inner(before, m, m);
  riemannian_step(ball, {.rule = StepRule::momentum, .lr = 0.5, .keep = 1, .gain = 0}, w,
                  zeros({100, 5}, DType::float64), {.m = &m});
  EXPECT_GT(max(abs(w - before)).item<double>(), 1e-3);
  EXPECT_LT(max(abs(ball.inner(w, m, m) / length - 1)).item<double>(), 1e-9);
}

// From beside the boundary through the origin to the other side: w and the step all but cancel, and what is
// left of their sum is less exact than its gap.
TEST(Riemannian, AStepThroughTheOriginStaysInside) {
  manual_seed(6);
  for (DType dtype : {DType::float32, DType::float64}) {
    for (int64_t d : {2, 40}) {
      for (StepRule rule : {StepRule::plain, StepRule::momentum}) {
        const PoincareBall ball(-1);
        const Tensor u = randn({500, d}, dtype), distances = rand({500, 1}, dtype) * 34;
        const Tensor w = geometry::expmap0(u / sqrt(sum(u * u, -1, keepdim)) * (distances * 0.5));
        Tensor m;
        for (int t = 0; t < 4; ++t) {
          riemannian_step(ball, {.rule = rule, .lr = 1e3}, w, w * 1e9,
                          {.m = rule == StepRule::plain ? nullptr : &m});
          ASSERT_NO_THROW(ball.check_point(w)) << d << " " << t;
        }
      }
    }
  }
}

TEST(Riemannian, AnExplicitEuclideanIsTheFlatRule) {
  nn::Parameter a(tensor({{1.0, 2.0}}, DType::float64)), b = a;
  b.set_manifold(std::make_shared<Euclidean>());
  Adam first({a}, {.lr = 0.1}), second({b}, {.lr = 0.1});
  for (const nn::Parameter* p : {&a, &b}) p->set_grad(tensor({{0.5, -3.0}}, DType::float64));
  first.step();
  second.step();
  EXPECT_EQ(a.to_vector<double>(), b.to_vector<double>());
}

TEST(Riemannian, StateIsOneSecondMomentAPoint) {
  manual_seed(5);
  nn::Parameter a(PoincareBall().random({4, 3}, 1.0, DType::float64));
  a.set_manifold(std::make_shared<PoincareBall>());
  nn::Parameter b = a;
  Adam first({a}, {.lr = 0.1}), second({b}, {.lr = 0.1});
  for (int t = 0; t < 3; ++t) {
    a.set_grad(gradient(a, t));
    first.step();
  }
  const StateDict state = first.state_dict();
  EXPECT_EQ(state.at("state.0.exp_avg_sq").shape(), (Shape{4, 1}));
  b = a;
  second.load_state_dict(state);
  for (int t = 0; t < 3; ++t) {
    for (const nn::Parameter* p : {&a, &b}) p->set_grad(gradient(*p, t));
    first.step();
    second.step();
    EXPECT_EQ(a.to_vector<double>(), b.to_vector<double>());
  }
  nn::Parameter flat(zeros({4, 3}, DType::float64));
  Adam third({flat});
  EXPECT_EQ(message<ValueError>([&] { third.load_state_dict(state); }),
            "load_state_dict: the state dict does not fit the optimizer:\n"
            "  \"state.0.exp_avg_sq\" is (4, 1) in the state dict, the parameter is (4, 3)");
}

// What is refused has changed nothing.
TEST(Riemannian, RMSpropHasNoStepOnTheBall) {
  nn::Parameter flat(ones({2})), point(zeros({1, 2}));
  point.set_manifold(std::make_shared<PoincareBall>());
  RMSprop opt({flat, point});
  flat.set_grad(ones({2}));
  point.set_grad(ones({1, 2}));
  EXPECT_EQ(message<ValueError>([&] { opt.step(); }),
            "RMSprop: it has no step on a curved manifold, as parameter (1, 2) carries one; use Adam or SGD");
  EXPECT_EQ(flat.to_vector<float>(), (std::vector<float>{1, 1}));
  EXPECT_FALSE(opt.state_dict().contains("state.0.step"));
}

}  // namespace
}  // namespace st::optim
