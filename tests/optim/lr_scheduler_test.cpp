// Schedules against PyTorch's over 1,000 steps (tests/reference/schedule_reference.py), resuming, refusals.
#include "spiraltorch/optim/lr_scheduler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "spiraltorch/io/safetensors.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/optim/sgd.h"
#include "tests/optim/replaced.h"
#include "tests/support/message.h"

namespace st::optim {
namespace {

using test::replaced;
using test::text_of;

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

std::shared_ptr<LRScheduler> sequential_of_the_others(Optimizer& o) {
  return std::make_shared<SequentialLR>(
      o,
      std::vector<std::shared_ptr<LRScheduler>>{
          std::make_shared<ConstantLR>(o, ConstantLROptions{.factor = 0.1, .total_iters = 50}),
          std::make_shared<PolynomialLR>(o, PolynomialLROptions{.total_iters = 300, .power = 0.5}),
          std::make_shared<MultiStepLR>(o, std::vector<int64_t>{10, 20}),
          std::make_shared<ExponentialLR>(o, 0.99)},
      std::vector<int64_t>{100, 350, 400});
}

TEST(LRScheduler, FollowsPyTorchForAThousandSteps) {
  follows("step", [](Optimizer& o) { return std::make_shared<StepLR>(o, 30, StepLROptions{.gamma = 0.9}); });
  follows("multi_step", [](Optimizer& o) {
    return std::make_shared<MultiStepLR>(o, std::vector<int64_t>{300, 30, 700, 300},
                                         StepLROptions{.gamma = 0.5});
  });
  follows("exponential", [](Optimizer& o) { return std::make_shared<ExponentialLR>(o, 0.995); });
  follows("constant", [](Optimizer& o) {
    return std::make_shared<ConstantLR>(o, ConstantLROptions{.factor = 0.3, .total_iters = 400});
  });
  follows("polynomial", [](Optimizer& o) {
    return std::make_shared<PolynomialLR>(o, PolynomialLROptions{.total_iters = 800, .power = 2.5});
  });
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
  follows("sequential_more", sequential_of_the_others);
}

TEST(LRScheduler, ResumesInTheMiddle) {
  for (const auto make : {sequential, sequential_of_the_others}) {
    for (int at : {3, 100, 360, 450}) {
      SGD first = two_groups(), second = two_groups();
      const auto a = make(first);
      for (int t = 0; t < at; ++t) a->step();
      const auto b = make(second);
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

// Loading refuses what the constructor does; then schedule and rates are as they were, and go on.
TEST(LRScheduler, LoadsNothingThatItsConstructorRefuses) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  const std::string head = "load_state_dict: the state dict does not fit the schedule:\n  ";
  const auto refuses = [&](auto make, const std::string& key, const Tensor& value, const std::string& text) {
    SCOPED_TRACE(key);
    SGD opt = two_groups();
    const std::shared_ptr<LRScheduler> s = make(opt);
    s->step();
    const std::string before = text_of(s->state_dict());
    EXPECT_EQ(message<ValueError>([&] { s->load_state_dict(replaced(s->state_dict(), key, value)); }), text);
    ASSERT_EQ(text_of(s->state_dict()), before);
    for (size_t group : {0u, 1u}) EXPECT_EQ(opt.lr(group), s->get_last_lr()[group]);
    s->step();
  };
  const auto number = [](double x) { return full({}, x, DType::float64); };
  const auto step = [](Optimizer& o) { return std::make_shared<StepLR>(o, 3); };
  const auto linear = [](Optimizer& o) { return std::make_shared<LinearLR>(o); };
  const auto cosine = [](Optimizer& o) { return std::make_shared<CosineAnnealingLR>(o, 5); };
  refuses(step, "step_size", number(0), "StepLR: step_size must be at least 1, got 0");
  refuses(step, "step_size", number(2.5),
          head + "\"step_size\" is 2.5, a whole number of at least 0 is needed");
  refuses(step, "step_size", number(1e300),
          head + "\"step_size\" is 1e+300, a whole number of at least 0 is needed");
  refuses(step, "last_epoch", number(-1),
          head + "\"last_epoch\" is -1, a whole number of at least 0 is needed");
  refuses(step, "gamma", number(-1), "StepLR: gamma must be positive and finite, got -1");
  refuses(step, "gamma", number(inf), head + "\"gamma\" is inf");
  refuses(step, "last_lr", tensor({0.5, inf}), head + "\"last_lr\" is inf");
  refuses(step, "last_lr", tensor({0.5, -1.}), "load_state_dict: last_lr must be at least 0, got -1");
  refuses(step, "base_lrs", tensor({-0.5, 1.}), "load_state_dict: base_lrs must be at least 0, got -0.5");
  refuses(step, "last_lr", tensor({0.5}), head + "\"last_lr\" has the shape (1,), (2,) is needed");
  refuses(sequential_of_the_others, "schedulers.0.factor", number(0),
          "ConstantLR: factor must be in (0, 1], got 0");
  refuses(sequential_of_the_others, "schedulers.1.power", number(-1),
          "PolynomialLR: power must be at least 0 and finite, got -1");
  refuses(sequential_of_the_others, "schedulers.2.milestones", tensor(std::vector<int64_t>{0, 1}),
          "MultiStepLR: milestones must be at least 1, got 0");
  refuses(sequential_of_the_others, "schedulers.3.gamma", number(0),
          "ExponentialLR: gamma must be positive and finite, got 0");
  refuses(linear, "start_factor", number(0), "LinearLR: start_factor must be in (0, 1], got 0");
  refuses(linear, "end_factor", number(2), "LinearLR: end_factor must be in [0, 1], got 2");
  refuses(linear, "total_iters", number(0), "LinearLR: total_iters must be at least 1, got 0");
  refuses(cosine, "t_max", number(0), "CosineAnnealingLR: t_max must be at least 1, got 0");
  refuses(cosine, "eta_min", number(-1), "CosineAnnealingLR: eta_min must be at least 0 and finite, got -1");
  // Entries of its own, and of its parts: all or nothing.
  refuses(sequential, "last_epoch", number(0.5),
          head + "\"last_epoch\" is 0.5, a whole number of at least 0 is needed");
  refuses(sequential, "milestones", tensor(std::vector<int64_t>{7, 7}),
          "SequentialLR: milestones must ascend from 1, got 7 at position 1");
  refuses(sequential, "schedulers.2.step_size", number(0), "StepLR: step_size must be at least 1, got 0");
  refuses(sequential, "schedulers.1.last_lr", tensor({-1., 1.}),
          "load_state_dict: last_lr must be at least 0, got -1");
}

TEST(LRScheduler, APartOfASequenceKeepsItsStateWhereTheSequenceIsRefused) {
  SGD opt = two_groups(), other = two_groups();
  const auto a = sequential(opt), b = sequential(other);
  for (int t = 0; t < 150; ++t) b->step();
  const std::string before = text_of(a->state_dict());
  EXPECT_THROW(a->load_state_dict(test::without(b->state_dict(), "last_epoch")), ValueError);
  EXPECT_EQ(text_of(a->state_dict()), before);
  EXPECT_EQ(opt.lr(), a->get_last_lr()[0]);
}

TEST(LRScheduler, MilestonesAreSaved) {
  SGD opt = two_groups(), other = two_groups();
  const auto a = sequential(opt);
  EXPECT_EQ(a->state_dict().at("milestones").to_vector<int64_t>(), (std::vector<int64_t>{100, 700}));
  SequentialLR b(other,
                 {std::make_shared<LinearLR>(other), std::make_shared<CosineAnnealingLR>(other, 1),
                  std::make_shared<StepLR>(other, 1)},
                 {1, 2});
  b.load_state_dict(a->state_dict());
  for (int t = 0; t < 800; ++t) {
    a->step();
    b.step();
    ASSERT_EQ(other.lr(), opt.lr()) << t;
  }
}

TEST(LambdaLR, IsTheBaseTimesTheFunctionOfTheStep) {
  SGD opt = two_groups();
  const auto decay = [](int64_t t) { return std::pow(0.95, static_cast<double>(t)); };
  LambdaLR schedule(opt, {[](int64_t t) { return 1.0 / static_cast<double>(t + 2); }, decay});
  for (int64_t t = 0; t <= 1000; ++t) {
    if (t > 0) schedule.step();
    ASSERT_EQ(opt.lr(0), 0.5 * (1.0 / static_cast<double>(t + 2))) << t;
    ASSERT_EQ(opt.lr(1), 0.03 * decay(t)) << t;
    ASSERT_EQ(schedule.get_last_lr()[1], opt.lr(1));
    if (t == 500) opt.set_lr(7, 0);  // not chained: a rate changed by hand is replaced
  }
  SGD other = two_groups();
  const LambdaLR both(other, [](int64_t t) { return t / 30; });
  EXPECT_EQ(other.lr(0), 0);
  EXPECT_EQ(other.lr(1), 0);
}

TEST(LambdaLR, ResumesWithTheFunctionItWasMadeWith) {
  SGD opt = two_groups(), other = two_groups();
  const auto half = [](int64_t t) { return std::pow(0.5, static_cast<double>(t)); };
  LambdaLR a(opt, half), b(other, half);
  for (int t = 0; t < 3; ++t) a.step();
  b.load_state_dict(a.state_dict());
  EXPECT_EQ(other.lr(), 0.0625);
  b.step();
  EXPECT_EQ(other.lr(), 0.03125);
}

TEST(LambdaLR, ARefusedFactorChangesNothing) {
  SGD opt = two_groups();
  const auto falls = [](int64_t t) { return 1 - 0.5 * static_cast<double>(t); };
  const auto once = [](int64_t) { return 2; };
  LambdaLR schedule(opt, {once, falls});
  schedule.step();
  schedule.step();
  const std::string before = text_of(schedule.state_dict());
  EXPECT_EQ(message<ValueError>([&] { schedule.step(); }),
            "LambdaLR: factors must be at least 0 and finite, got -0.5 for group 1 at step 3");
  EXPECT_EQ(text_of(schedule.state_dict()), before);
  EXPECT_EQ(opt.lr(0), 1);
  SequentialLR sequence(opt, {std::make_shared<LambdaLR>(opt, std::vector<LambdaLR::Lambda>{once, falls})},
                        {});
  for (int t = 0; t < 2; ++t) sequence.step();
  EXPECT_THROW(sequence.step(), ValueError);
  EXPECT_EQ(sequence.last_epoch(), 2);

  EXPECT_EQ(message<ValueError>([&] {
              LambdaLR(opt, {once, LambdaLR::Lambda()});
            }),
            "LambdaLR: the function of group 1 is empty");
  EXPECT_EQ(message<ValueError>([&] {
              LambdaLR(opt, {once, once, once});
            }),
            "LambdaLR: 2 parameter groups need as many functions, got 3");
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
  EXPECT_EQ(message<ValueError>([&] { ExponentialLR(opt, 0); }),
            "ExponentialLR: gamma must be positive and finite, got 0");
  EXPECT_EQ(message<ValueError>([&] {
              MultiStepLR(opt, {3, 0});
            }),
            "MultiStepLR: milestones must be at least 1, got 0");
  EXPECT_EQ(message<ValueError>([&] { ConstantLR(opt, {.factor = 1.5}); }),
            "ConstantLR: factor must be in (0, 1], got 1.5");
  EXPECT_EQ(message<ValueError>([&] { PolynomialLR(opt, {.total_iters = 0}); }),
            "PolynomialLR: total_iters must be at least 1, got 0");
  EXPECT_EQ(message<ValueError>([&] { CosineAnnealingLR(opt, 0); }),
            "CosineAnnealingLR: t_max must be at least 1, got 0");
  EXPECT_EQ(message<ValueError>([&] { SequentialLR(opt, {std::make_shared<StepLR>(opt, 1)}, {1}); }),
            "SequentialLR: 1 schedules need 0 milestones, got 1");
  EXPECT_EQ(message<ValueError>([&] { SequentialLR(opt, {std::make_shared<StepLR>(other, 1)}, {}); }),
            "SequentialLR: schedule 0 belongs to another optimizer");
}

}  // namespace
}  // namespace st::optim
