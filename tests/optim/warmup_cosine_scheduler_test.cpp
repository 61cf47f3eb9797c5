// The rate of every step of WarmupCosineScheduler, and who gets it.
#include "spiraltorch/optim/warmup_cosine_scheduler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "spiraltorch/nn/linear.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/optim/sgd.h"
#include "spiraltorch/optim/zspace_optimizer.h"
#include "tests/support/message.h"

namespace st::optim {
namespace {

TEST(WarmupCosineScheduler, TheRateOfEveryStep) {
  nn::Linear layer("fc", 4, 2);
  SGD opt(layer.parameters(), {.lr = 1});
  WarmupCosineScheduler s(1e-2, 1e-4, 100, 1000);
  EXPECT_EQ(opt.lr(), 1);  // nothing before the first step
  for (int t = 1; t <= 1100; ++t) {
    const double lr = s.step_optimizer(opt, layer);
    double expected = 1e-4;
    if (t <= 100) {
      expected = 1e-4 + (1e-2 - 1e-4) * t / 100;
    } else if (t < 1000) {
      expected = 1e-4 + (1e-2 - 1e-4) * (1 + std::cos(std::numbers::pi * (t - 100) / 900)) / 2;
    }
    ASSERT_NEAR(lr, expected, 1e-16) << t;
    ASSERT_EQ(opt.lr(), lr);
    if (t == 100) {
      EXPECT_DOUBLE_EQ(lr, 1e-2);
    }
    if (t >= 1000) {
      EXPECT_EQ(lr, 1e-4);
    }
  }
}

TEST(WarmupCosineScheduler, WithoutWarmUpAndDownToZero) {
  nn::Linear layer("fc", 4, 2);
  ZSpaceOptimizer opt(1);
  WarmupCosineScheduler s(1, 0, 0, 4);
  EXPECT_NEAR(s.step_optimizer(opt, layer), (1 + std::sqrt(0.5)) / 2, 1e-15);
  EXPECT_NEAR(s.step_optimizer(opt, layer), 0.5, 1e-15);
  s.step_optimizer(opt, layer);
  EXPECT_EQ(s.step_optimizer(opt, layer), 0);
  EXPECT_EQ(opt.lr(), 0);
}

TEST(WarmupCosineScheduler, Resumes) {
  nn::Linear layer("fc", 4, 2);
  SGD opt(layer.parameters());
  WarmupCosineScheduler a(1, 0.1, 3, 20), b(5, 0, 1, 2);
  for (int t = 0; t < 7; ++t) a.step_optimizer(opt);
  b.load_state_dict(a.state_dict());
  EXPECT_EQ(b.last_step(), 7);
  for (int t = 0; t < 20; ++t) EXPECT_EQ(a.step_optimizer(opt), b.step_optimizer(opt));
  StateDict wrong;
  for (const auto& [key, value] : a.state_dict()) {
    wrong.insert(key, key == "total_steps" ? tensor(Scalar(int64_t{2}), DType::int64) : value);
  }
  EXPECT_EQ(message<ValueError>([&] { b.load_state_dict(wrong); }),
            "WarmupCosineScheduler: total_steps must be more than warmup_steps, got 2 with warmup_steps 3");
  EXPECT_EQ(b.last_step(), 27);
}

TEST(WarmupCosineScheduler, RefusesWhatMakesNoSense) {
  EXPECT_EQ(message<ValueError>([] { WarmupCosineScheduler(0, 0, 1, 2); }),
            "WarmupCosineScheduler: base_lr must be positive and finite, got 0");
  EXPECT_EQ(message<ValueError>([] { WarmupCosineScheduler(1, 2, 1, 2); }),
            "WarmupCosineScheduler: min_lr must be in [0, base_lr], got 2 with base_lr 1");
  EXPECT_EQ(message<ValueError>([] { WarmupCosineScheduler(1, 0, -1, 2); }),
            "WarmupCosineScheduler: warmup_steps must be at least 0, got -1");
  EXPECT_EQ(message<ValueError>([] { WarmupCosineScheduler(1, 0, 2, 2); }),
            "WarmupCosineScheduler: total_steps must be more than warmup_steps, got 2 with warmup_steps 2");
}

}  // namespace
}  // namespace st::optim
