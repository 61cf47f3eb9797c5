// OneCycleLR against PyTorch's (tests/reference/schedule_reference.py): rates and momentum, resuming,
// refusals.
#include "spiraltorch/optim/one_cycle_lr.h"

#include <gtest/gtest.h>

#include <memory>

#include "spiraltorch/io/safetensors.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/optim/adam.h"
#include "spiraltorch/optim/rmsprop.h"
#include "spiraltorch/optim/sgd.h"
#include "tests/optim/replaced.h"
#include "tests/support/message.h"

namespace st::optim {
namespace {

using test::replaced;
using test::text_of;

std::vector<Tensor> leaf() { return {zeros({1}).requires_grad_()}; }

// Rates and momenta of the recorded case, and the steps that may be taken.
void follows(int number, double max_lr, int64_t total_steps, const OneCycleLROptions& options,
             bool beta = false) {
  SCOPED_TRACE(number);
  static const StateDict values = io::load_safetensors(SPIRALTORCH_TESTS_DIR "/optim/schedules.safetensors");
  const Tensor& expected = values.at("one_cycle." + std::to_string(number));
  const std::vector<double> rows = expected.to_vector<double>();
  SGD sgd(leaf(), {.lr = 0.5, .momentum = 0.5});
  Adam adam(leaf());
  Optimizer& opt = beta ? static_cast<Optimizer&>(adam) : sgd;
  OneCycleLR schedule(opt, max_lr, total_steps, options);
  for (size_t t = 0; t < rows.size() / 2; ++t) {
    if (t > 0) schedule.step();
    ASSERT_NEAR(opt.lr(), rows[2 * t], 1e-16 + 1e-13 * rows[2 * t]) << "step " << t;
    ASSERT_NEAR(beta ? adam.options().betas.first : sgd.options().momentum, rows[2 * t + 1], 1e-15)
        << "step " << t;
    ASSERT_EQ(schedule.get_last_lr()[0], opt.lr());
  }
  EXPECT_EQ(adam.options().betas.second, 0.999);
}

TEST(OneCycleLR, FollowsPyTorch) {
  constexpr auto linear = AnnealStrategy::linear;
  follows(0, 0.5, 1000, {});
  follows(1, 0.5, 1000, {.pct_start = 0.4, .anneal_strategy = linear, .three_phase = true}, true);
  follows(2, 0.1, 10, {.anneal_strategy = linear, .base_momentum = 0.5, .max_momentum = 0.8});
  follows(3, 2, 12, {.pct_start = 0.25, .div_factor = 10, .final_div_factor = 100, .three_phase = true});
  follows(4, 0.1, 7, {.pct_start = 0, .cycle_momentum = false});
  follows(5, 0.1, 7, {.pct_start = 1});
  follows(6, 0.1, 7, {.pct_start = 0.8, .three_phase = true});
  follows(7, 0.1, 1, {});
}

TEST(OneCycleLR, GroupsHaveRatesOfTheirOwn) {
  RMSprop opt({{leaf(), {}}, {leaf(), {}}});
  OneCycleLR schedule(opt, {0.5, 0.02}, 10);
  for (int t = 0; t < 10; ++t, schedule.step()) {
    EXPECT_NEAR(opt.lr(0), 25 * opt.lr(1), 1e-16);
    EXPECT_EQ(opt.options(0).momentum, opt.options(1).momentum);
  }
  EXPECT_NEAR(schedule.get_last_lr()[1], opt.lr(1), 0);
}

// PyTorch goes on below the last rate, or divides by 0.
TEST(OneCycleLR, StaysAtTheEndsOfItsPhases) {
  SGD opt(leaf(), {.lr = 0.5, .momentum = 0.5});
  OneCycleLR line(opt, 0.1, 5, {.anneal_strategy = AnnealStrategy::linear});
  for (int t = 0; t < 4; ++t) line.step();
  EXPECT_NEAR(opt.lr(), 0.1 / 25 / 1e4, 1e-16);
  line.step();
  EXPECT_NEAR(opt.lr(), 0.1 / 25 / 1e4, 1e-16);
  EXPECT_NEAR(opt.options().momentum, 0.95, 1e-15);
  const OneCycleLR at_the_top(opt, 0.1, 4, {.pct_start = 0.25});
  EXPECT_EQ(opt.lr(), 0.1);
}

TEST(OneCycleLR, ResumesInTheMiddleWithItsMomentum) {
  const OneCycleLROptions options = {.anneal_strategy = AnnealStrategy::linear, .three_phase = true};
  for (int at : {0, 5, 17, 30}) {
    SGD first(leaf(), {.lr = 0.5, .momentum = 0.5}), second(leaf(), {.lr = 0.5, .momentum = 0.5});
    OneCycleLR a(first, 0.3, 40, options), b(second, 0.1, 7);  // the options come along
    for (int t = 0; t < at; ++t) a.step();
    b.load_state_dict(a.state_dict());
    for (int t = at; t < 40; ++t) {
      ASSERT_EQ(first.lr(), second.lr()) << t;
      ASSERT_EQ(first.options().momentum, second.options().momentum) << t;
      a.step();
      b.step();
    }
  }
}

TEST(OneCycleLR, IsAPartOfASequence) {
  SGD opt(leaf(), {.lr = 0.5, .momentum = 0.5}), other(leaf(), {.lr = 0.5, .momentum = 0.5});
  const auto make = [](SGD& o) {
    return std::make_shared<SequentialLR>(
        o,
        std::vector<std::shared_ptr<LRScheduler>>{std::make_shared<LinearLR>(o),
                                                  std::make_shared<OneCycleLR>(o, 0.1, 20)},
        std::vector<int64_t>{5});
  };
  const auto a = make(opt), b = make(other);
  for (int t = 0; t < 11; ++t) a->step();
  EXPECT_NEAR(opt.lr(), 0.1, 0.01);
  b->load_state_dict(a->state_dict());
  EXPECT_EQ(other.options().momentum, opt.options().momentum);
  for (int t = 0; t < 10; ++t) {
    a->step();
    b->step();
    ASSERT_EQ(opt.lr(), other.lr());
    ASSERT_EQ(opt.options().momentum, other.options().momentum);
  }
}

TEST(OneCycleLR, TakesNoMoreThanItsSteps) {
  SGD opt(leaf(), {.lr = 0.5, .momentum = 0.5});
  OneCycleLR schedule(opt, 0.1, 3);
  for (int t = 0; t < 3; ++t) schedule.step();
  const std::string before = text_of(schedule.state_dict());
  const double lr = opt.lr(), momentum = opt.options().momentum;
  EXPECT_EQ(message<ValueError>([&] { schedule.step(); }),
            "OneCycleLR: all of total_steps = 3 steps have been taken");
  EXPECT_EQ(text_of(schedule.state_dict()), before);
  EXPECT_EQ(opt.lr(), lr);
  EXPECT_EQ(opt.options().momentum, momentum);
}

TEST(OneCycleLR, LoadsNothingThatItsConstructorRefuses) {
  SGD opt(leaf(), {.lr = 0.5, .momentum = 0.5});
  OneCycleLR schedule(opt, 0.1, 10);
  schedule.step();
  const std::string before = text_of(schedule.state_dict());
  const double lr = opt.lr(), momentum = opt.options().momentum;
  const auto refuses = [&](const std::string& key, const Tensor& value, const std::string& text) {
    EXPECT_EQ(
        message<ValueError>([&] { schedule.load_state_dict(replaced(schedule.state_dict(), key, value)); }),
        text);
    EXPECT_EQ(text_of(schedule.state_dict()), before);
    EXPECT_EQ(opt.lr(), lr);
    EXPECT_EQ(opt.options().momentum, momentum);
  };
  const auto number = [](double x) { return full({}, x, DType::float64); };
  refuses("total_steps", number(0), "OneCycleLR: total_steps must be at least 1, got 0");
  refuses("last_epoch", number(11),
          "OneCycleLR: last_epoch must be at most total_steps, got 11 with total_steps 10");
  refuses("pct_start", number(1.5), "OneCycleLR: pct_start must be in [0, 1], got 1.5");
  refuses("max_lrs", tensor({-1.}), "OneCycleLR: max_lr must be positive and finite, got -1");
  refuses("div_factor", number(0), "OneCycleLR: div_factor must be positive and finite, got 0");
  refuses("final_div_factor", number(-1), "OneCycleLR: final_div_factor must be positive and finite, got -1");
  refuses("max_momentum", number(1), "OneCycleLR: max_momentum must be in [0, 1), got 1");
}

// SGD's rule and a state of its own, without momentum.
struct PlainOptions {
  double lr = 0.1;
  void visit(Fields& v) { v("lr", lr); }
  void check() const {}
};
struct PlainState {
  void visit(Fields&) {}
};
class Plain : public OptimizerOf<PlainOptions, PlainState> {
 public:
  explicit Plain(const std::vector<Tensor>& params) : OptimizerOf({{params, {}}}) {}
  void update(Tensor& p, const Tensor& grad, PlainState&, const PlainOptions& o) override {
    p.add_(grad, -o.lr);
  }
};

TEST(OneCycleLR, RefusesWhatMakesNoSense) {
  SGD opt(leaf(), {.lr = 0.5});
  const auto error = [&](int64_t steps, const OneCycleLROptions& options) {
    return message<ValueError>([&] { OneCycleLR(opt, 0.1, steps, options); });
  };
  EXPECT_EQ(error(0, {}), "OneCycleLR: total_steps must be at least 1, got 0");
  EXPECT_EQ(error(10, {.pct_start = -0.1}), "OneCycleLR: pct_start must be in [0, 1], got -0.1");
  EXPECT_EQ(error(10, {.base_momentum = -1}), "OneCycleLR: base_momentum must be in [0, 1), got -1");
  EXPECT_EQ(message<ValueError>([&] { OneCycleLR(opt, 0.0, 10); }),
            "OneCycleLR: max_lr must be positive and finite, got 0");
  EXPECT_EQ(message<ValueError>([&] {
              OneCycleLR(opt, {0.1, 0.2}, 10);
            }),
            "OneCycleLR: 1 parameter groups need as many values of max_lr, got 2");
  EXPECT_EQ(opt.lr(), 0.5);
  EXPECT_EQ(opt.options().momentum, 0);

  Plain plain(leaf());
  EXPECT_EQ(message<ValueError>([&] { OneCycleLR(plain, 0.1, 10); }),
            "OneCycleLR: cycle_momentum needs an optimizer with momentum or betas, this one has neither");
  OneCycleLR alone(plain, 0.1, 10, {.cycle_momentum = false});
  EXPECT_NEAR(plain.lr(), 0.1 / 25, 1e-16);
  EXPECT_EQ(message<ValueError>([&] { opt.set_momentum(1, 0); }),
            "set_momentum: momentum must be in [0, 1), got 1");
  EXPECT_EQ(message<IndexError>([&] { opt.set_momentum(0.5, 1); }),
            "set_momentum: there is no group 1, the optimizer has 1");
}

}  // namespace
}  // namespace st::optim
