// GradScaler: the scale's path, steps that are left out, and that nothing infinite gets anywhere.
#include "spiraltorch/amp/grad_scaler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/nn/linear.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/optim/adam.h"
#include "spiraltorch/optim/clip_grad.h"
#include "spiraltorch/optim/sgd.h"
#include "spiraltorch/optim/zspace_optimizer.h"
#include "tests/support/message.h"

namespace st::amp {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

bool step_with(GradScaler& s, optim::Optimizer& opt, nn::Linear& model, double grad) {
  for (const Tensor& p : model.parameters()) p.set_grad(full(p.shape(), grad * s.scale(), p.dtype()));
  return s.step(opt, model);
}

TEST(GradScaler, GrowsAfterAnIntervalAndBacksOff) {
  nn::Linear model("fc", 2, 2);
  optim::SGD opt(model.parameters(), {.lr = 1e-3});
  auto s = GradScaler(2.0, 2.0, 0.5, 3).with_limits(1.0, 16.0);
  const std::vector<double> grads = {1, 1, 1, 1, 1, kInf, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  const std::vector<double> scales = {2, 2, 4, 4, 4, 2, 2, 2, 4, 4, 4, 8, 8, 8, 16, 16, 16, 16};
  for (size_t i = 0; i < grads.size(); ++i) {
    EXPECT_EQ(step_with(s, opt, model, grads[i]), std::isfinite(grads[i])) << i;
    EXPECT_EQ(s.scale(), scales[i]) << i;
    s.update();  // does nothing after step
    EXPECT_EQ(s.scale(), scales[i]) << i;
  }
  for (int i = 0; i < 6; ++i) EXPECT_FALSE(step_with(s, opt, model, kInf));
  EXPECT_EQ(s.scale(), 1);  // the limit
}

TEST(GradScaler, AnOverflowMovesNothing) {
  for (DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::float16}) {
    nn::Linear model("fc", 40, 3);
    model.to(dtype);
    optim::Adam opt(model.parameters());
    for (double bad : {kInf, -kInf, std::nan("")}) {
      for (int64_t at : {0, 17, 119}) {  // in whole vectors and in the tail
        GradScaler s(8.0);
        const std::vector<double> before = model.weight.to_vector<double>();
        std::vector<double> g(120, 0.5);
        g[static_cast<size_t>(at)] = bad;
        model.weight.set_grad(tensor(g).reshape({3, 40}).to(dtype));
        model.bias.set_grad(ones({3}, dtype));
        EXPECT_FALSE(s.step(opt, model));
        EXPECT_EQ(model.weight.to_vector<double>(), before);
        EXPECT_FALSE(model.weight.grad().defined());  // cleared
        EXPECT_FALSE(model.bias.grad().defined());
        EXPECT_EQ(opt.state_dict().find("state.0.exp_avg"), nullptr);
        EXPECT_EQ(s.scale(), 4);
      }
    }
  }
}

TEST(GradScaler, UnscalesOnceAndLeavesAGoodStepAsItWas) {
  manual_seed(1);
  nn::Linear scaled("fc", 5, 3), plain = scaled;
  optim::SGD a(scaled.parameters(), {.lr = 0.1}), b(plain.parameters(), {.lr = 0.1});
  GradScaler s(1024.0);
  const Tensor x = randn({4, 5});
  for (int i = 0; i < 3; ++i) {
    a.zero_grad();
    b.zero_grad();
    s.scale_loss(mean(scaled(x) * scaled(x))).backward();
    mean(plain(x) * plain(x)).backward();
    s.unscale(scaled);
    EXPECT_EQ(scaled.weight.grad().to_vector<float>(), plain.weight.grad().to_vector<float>());
    clip_grad_norm_(scaled.parameters(), 0.1);
    clip_grad_norm_(plain.parameters(), 0.1);
    EXPECT_TRUE(s.step(a, scaled));
    b.step();
    EXPECT_EQ(scaled.weight.to_vector<float>(), plain.weight.to_vector<float>());
  }
  EXPECT_EQ(s.scale_loss(0.5), 512.0);
}

TEST(GradScaler, ASecondUnscaleIsRefused) {
  nn::Linear model("fc", 1, 1);
  optim::SGD opt(model.parameters());
  GradScaler s(2.0);
  model.weight.set_grad(ones({1, 1}));
  s.unscale(model);
  EXPECT_EQ(message<ValueError>([&] { s.unscale(model); }),
            "unscale: the gradient of \"weight\" was unscaled already since the last update");
  EXPECT_THROW(s.unscale(opt), ValueError);
  EXPECT_EQ(model.weight.grad().item<float>(), 0.5f);
  s.update();
  s.unscale(opt);
  EXPECT_EQ(model.weight.grad().item<float>(), 0.25f);
}

TEST(GradScaler, AnInfiniteGradientFromClippingIsSeenToo) {
  nn::Linear model("fc", 1, 1);
  optim::SGD opt(model.parameters(), {.lr = 1});
  GradScaler s(2.0);
  model.weight.set_grad(ones({1, 1}));
  s.unscale(model);
  model.weight.set_grad(full({1, 1}, kInf));
  const float before = model.weight.item<float>();
  EXPECT_FALSE(s.step(opt, model));
  EXPECT_EQ(model.weight.item<float>(), before);
}

TEST(GradScaler, TwoOptimizersShareTheScaleOfTheirLoss) {
  const Tensor a = ones({2}, DType::float64).requires_grad_(), b = ones({2}, DType::float64).requires_grad_();
  optim::SGD first({a}, {.lr = 1}), second({b}, {.lr = 1});
  GradScaler s(4.0, 2.0, 0.5, 1);  // grows at every step
  s.scale_loss(sum(a * b)).backward();
  EXPECT_TRUE(s.step(first));
  EXPECT_TRUE(s.step(second));
  EXPECT_EQ(a.to_vector<double>(), std::vector<double>({0, 0}));
  EXPECT_EQ(b.to_vector<double>(), std::vector<double>({0, 0}));
}

// PyTorch's loop: unscale both, clip, step both, update. Its weights are those of the loop without a scaler.
TEST(GradScaler, TwoOptimizersUnscaledBeforeEitherSteps) {
  struct Pair {
    Tensor a = ones({2}, DType::float64).requires_grad_(), b = full({2}, 2, DType::float64).requires_grad_();
    optim::SGD first{{a}, {.lr = 0.5}};
    optim::Adam second{{b}, {.lr = 0.25}};
    Tensor loss() const { return sum(a * a * b); }
  } scaled, plain;
  GradScaler s(1024.0, 2.0, 0.5, 3);
  for (int i = 0; i < 4; ++i) {
    for (Pair* p : {&scaled, &plain}) p->first.zero_grad(), p->second.zero_grad();
    s.scale_loss(scaled.loss()).backward();
    plain.loss().backward();
    s.unscale(scaled.first);
    s.unscale(scaled.second);
    for (Pair* p : {&scaled, &plain}) clip_grad_norm_({p->a, p->b}, 0.75);
    EXPECT_TRUE(s.step(scaled.first));
    EXPECT_TRUE(s.step(scaled.second));
    plain.first.step();
    plain.second.step();
    s.update();
    EXPECT_EQ(scaled.a.to_vector<double>(), plain.a.to_vector<double>()) << i;
    EXPECT_EQ(scaled.b.to_vector<double>(), plain.b.to_vector<double>()) << i;
  }
  EXPECT_EQ(s.scale(), 4096);  // eight steps, each of which counts
}

TEST(GradScaler, AnOverflowLeavesTheOtherOptimizersStepAlone) {
  for (bool bad_first : {false, true}) {
    const Tensor a = ones({2}).requires_grad_(), b = ones({2}).requires_grad_();
    optim::SGD good({a}, {.lr = 1}), bad({b}, {.lr = 1});
    GradScaler s(4.0);
    a.set_grad(full({2}, 2.0));
    b.set_grad(tensor({2, kInf}, DType::float32));
    s.unscale(good);
    s.unscale(bad);
    clip_grad_value_({a, b}, 1.0);  // hides the Inf, which the scaler has seen
    if (bad_first) {
      EXPECT_FALSE(s.step(bad));
    }
    EXPECT_TRUE(s.step(good));
    if (!bad_first) {
      EXPECT_FALSE(s.step(bad));
    }
    EXPECT_EQ(a.to_vector<float>(), std::vector<float>({0.5f, 0.5f}));
    EXPECT_EQ(b.to_vector<float>(), std::vector<float>({1, 1}));
    EXPECT_EQ(s.scale(), 2);
  }
}

// One optimiser steps through the scaler, the other by hand.
TEST(GradScaler, UpdateCountsWhatNoStepHasCounted) {
  for (bool bad : {false, true}) {
    const Tensor a = ones({1}).requires_grad_(), b = ones({1}).requires_grad_();
    optim::SGD first({a}), second({b});
    GradScaler s(4.0, 2.0, 0.5, 1);
    a.set_grad(ones({1}));
    b.set_grad(full({1}, bad ? kInf : 1.0));
    s.unscale(first);
    s.unscale(second);
    EXPECT_TRUE(s.step(first));
    EXPECT_EQ(s.scale(), 8);
    s.update();
    EXPECT_EQ(s.scale(), bad ? 4 : 16);
    s.update();
    EXPECT_EQ(s.scale(), bad ? 4 : 16);
  }
}

TEST(GradScaler, GradientsWithoutMemoryOfTheirOwn) {
  const Tensor a = zeros({2, 3}, DType::float64).requires_grad_();
  optim::SGD opt({a}, {.lr = 1});
  GradScaler s(2.0);
  a.set_grad(full({1}, 2.0, DType::float64).expand({2, 3}));
  EXPECT_TRUE(s.step(opt));
  EXPECT_EQ(a.to_vector<double>(), std::vector<double>(6, -1));
}

TEST(GradScaler, WithZSpaceOptimizer) {
  nn::Linear model("fc", 3, 2);
  optim::ZSpaceOptimizer opt(1e-3);
  opt.set_mode(optim::OptimizerMode::realgrad(1.0));
  opt.prepare_module(model);
  GradScaler s(4.0);
  const std::vector<double> before = model.bias.to_vector<double>();
  model.bias.set_grad(full({2}, 1.0));
  EXPECT_TRUE(s.step(opt, model));
  EXPECT_NEAR(model.bias.to_vector<double>()[0], before[0] - 0.25, 1e-6);
  EXPECT_FALSE(model.bias.grad().defined());
}

TEST(GradScaler, AnOverflowMovesNoPoint) {
  for (double bad : {kInf, std::nan("")}) {
    nn::Linear model("fc", 3, 2);
    optim::ZSpaceOptimizer opt(1e-3, {.rule = optim::Rule::adam});
    opt.set_mode(optim::OptimizerMode::hypergrad(-1.0, 0.1));
    opt.prepare_module(model);
    GradScaler s(4.0);
    const std::vector<double> weight = model.weight.to_vector<double>(),
                              bias = model.bias.to_vector<double>();
    model.weight.set_grad(full({2, 3}, 1.0));
    model.bias.set_grad(full({2}, bad));
    EXPECT_FALSE(s.step(opt, model));
    EXPECT_EQ(model.weight.to_vector<double>(), weight);
    EXPECT_EQ(model.bias.to_vector<double>(), bias);
    EXPECT_FALSE(model.weight.grad().defined());
    EXPECT_EQ(s.scale(), 2);
  }
}

TEST(GradScaler, SavesWhatPyTorchSaves) {
  nn::Linear model("fc", 2, 2);
  optim::SGD opt(model.parameters());
  auto s = GradScaler(8.0, 3.0, 0.25, 4).with_limits(1.0, 100.0);
  step_with(s, opt, model, 1);
  const StateDict state = s.state_dict();
  EXPECT_EQ(state.at("scale").item<double>(), 8);
  EXPECT_EQ(state.at("growth_factor").item<double>(), 3);
  EXPECT_EQ(state.at("backoff_factor").item<double>(), 0.25);
  EXPECT_EQ(state.at("growth_interval").item<int64_t>(), 4);
  EXPECT_EQ(state.at("_growth_tracker").item<int64_t>(), 1);
  GradScaler other;
  other.load_state_dict(state);
  for (int i = 0; i < 3; ++i) step_with(other, opt, model, 1);
  EXPECT_EQ(other.scale(), 24);
  StateDict five;  // PyTorch's own has no limits
  for (const auto& [key, value] : state) {
    if (!key.ends_with("_scale")) five.insert(key, value);
  }
  GradScaler().load_state_dict(five);
  five.insert("more", zeros({}));
  EXPECT_EQ(message<ValueError>([&] { other.load_state_dict(five); }),
            "load_state_dict: the state dict does not fit GradScaler:\n  unexpected: \"more\"");
}

TEST(GradScaler, RefusesWhatMakesNoSense) {
  EXPECT_EQ(message<ValueError>([] { GradScaler(0.0); }),
            "GradScaler: scale must be positive and finite, got 0");
  EXPECT_EQ(message<ValueError>([] { GradScaler(1.0, 1.0); }),
            "GradScaler: growth must be more than 1 and finite, got 1");
  EXPECT_EQ(message<ValueError>([] { GradScaler(1.0, 2.0, 1.0); }),
            "GradScaler: backoff must be in (0, 1), got 1");
  EXPECT_EQ(message<ValueError>([] { GradScaler(1.0, 2.0, 0.5, 0); }),
            "GradScaler: interval must be at least 1, got 0");
  EXPECT_EQ(message<ValueError>([] { (void)GradScaler().with_limits(2.0, 1.0); }),
            "with_limits: limits must be positive, finite and in order, got 2 and 1");
}

}  // namespace
}  // namespace st::amp
