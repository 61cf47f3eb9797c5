// Schedules against PyTorch's over 1,000 steps (tests/reference/schedule_reference.py), resuming, refusals.
#include "spiraltorch/optim/lr_scheduler.h"

#include <gtest/gtest.h>

#include "spiraltorch/io/safetensors.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/optim/sgd.h"
#include "tests/support/message.h"

namespace st::optim {
namespace {

SGD two_groups() {
  return SGD({{{zeros({1}).requires_grad_()}, {.lr = 0.5}}, {{zeros({1}).requires_grad_()}, {.lr = 0.03}}});
}

std::vector<double> recorded(const std::string& name) {
  static const StateDict values = io::load_safetensors(SPIRALTORCH_TESTS_DIR "/optim/schedules.safetensors");
  return values.at(name).to_vector<double>();
}

template <class Make>
void follows(const std::string& name, Make make) {
  SCOPED_TRACE(name);
  const std::vector<double> expected = recorded(name);
  ASSERT_EQ(expected.size(), 2002u);
  SGD opt = two_groups();
  const std::shared_ptr<LRScheduler> schedule = make(opt);
  for (size_t t = 0; t <= 1000; ++t) {
    if (t > 0) schedule->step();
    for (size_t group : {0u, 1u}) {
      const double rate = expected[2 * t + group];
      ASSERT_NEAR(opt.lr(group), rate, 1e-15 + 1e-12 * rate) << "step " << t;
      ASSERT_EQ(schedule->get_last_lr()[group], opt.lr(group));
    }
  }
}

std::shared_ptr<LRScheduler> sequential(Optimizer& o) {
  return std::make_shared<SequentialLR>(
      o,
      std::vector<std::shared_ptr<LRScheduler>>{
          std::make_shared<LinearLR>(o, LinearLROptions{.start_factor = 0.1, .total_iters = 100}),
          std::make_shared<CosineAnnealingLR>(o, 600, CosineAnnealingLROptions{.eta_min = 1e-4}),
          std::make_shared<StepLR>(o, 20, StepLROptions{.gamma = 0.5})},
      std::vector<int64_t>{100, 700});
}

TEST(LRScheduler, FollowsPyTorchForAThousandSteps) {
  follows("step", [](Optimizer& o) { return std::make_shared<StepLR>(o, 30, StepLROptions{.gamma = 0.9}); });
  follows("linear", [](Optimizer& o) {
    return std::make_shared<LinearLR>(
        o, LinearLROptions{.start_factor = 0.25, .end_factor = 0.75, .total_iters = 700});
  });
  follows("linear_default", [](Optimizer& o) { return std::make_shared<LinearLR>(o); });
  follows("cosine", [](Optimizer& o) {
    return std::make_shared<CosineAnnealingLR>(o, 150, CosineAnnealingLROptions{.eta_min = 1e-3});
  });
  follows("cosine_zero", [](Optimizer& o) { return std::make_shared<CosineAnnealingLR>(o, 1000); });
  follows("sequential", sequential);
}

TEST(LRScheduler, ResumesInTheMiddle) {
  for (int at : {3, 100, 450}) {
    SGD first = two_groups(), second = two_groups();
    const auto a = sequential(first);
    for (int t = 0; t < at; ++t) a->step();
    const auto b = sequential(second);
    b->load_state_dict(a->state_dict());
    EXPECT_EQ(second.lr(), first.lr());  // the optimiser's rates come along
    for (int t = 0; t < 700; ++t) {
      a->step();
      b->step();
      ASSERT_EQ(first.lr(0), second.lr(0)) << t;
      ASSERT_EQ(first.lr(1), second.lr(1)) << t;
    }
  }
}

TEST(LRScheduler, AWrongStateChangesNothing) {
  SGD opt = two_groups();
  StepLR s(opt, 3);
  s.step();
  StateDict state = s.state_dict();
  EXPECT_EQ(state.at("step_size").item<int64_t>(), 3);
  EXPECT_EQ(state.at("last_epoch").item<int64_t>(), 1);
  state.insert("more", zeros({}));
  EXPECT_EQ(message<ValueError>([&] { s.load_state_dict(state); }),
            "load_state_dict: the state dict does not fit the schedule:\n  unexpected: \"more\"");
  EXPECT_EQ(s.last_epoch(), 1);
}

TEST(LRScheduler, RefusesWhatMakesNoSense) {
  SGD opt = two_groups(), other = two_groups();
  EXPECT_EQ(message<ValueError>([&] { StepLR(opt, 0); }), "StepLR: step_size must be at least 1, got 0");
  EXPECT_EQ(message<ValueError>([&] { StepLR(opt, 1, {.gamma = -1}); }),
            "StepLR: gamma must be positive and finite, got -1");
  EXPECT_EQ(message<ValueError>([&] { LinearLR(opt, {.start_factor = 0}); }),
            "LinearLR: start_factor must be in (0, 1], got 0");
  EXPECT_EQ(message<ValueError>([&] { LinearLR(opt, {.end_factor = 2}); }),
            "LinearLR: end_factor must be in [0, 1], got 2");
  EXPECT_EQ(message<ValueError>([&] { CosineAnnealingLR(opt, 0); }),
            "CosineAnnealingLR: t_max must be at least 1, got 0");
  EXPECT_EQ(message<ValueError>([&] { SequentialLR(opt, {std::make_shared<StepLR>(opt, 1)}, {1}); }),
            "SequentialLR: 1 schedules need 0 milestones, got 1");
  EXPECT_EQ(message<ValueError>([&] { SequentialLR(opt, {std::make_shared<StepLR>(other, 1)}, {}); }),
            "SequentialLR: schedule 0 belongs to another optimizer");
}

}  // namespace
}  // namespace st::optim
