// ReduceLROnPlateau against PyTorch's over 1,000 steps (tests/reference/schedule_reference.py).
#include "spiraltorch/optim/reduce_lr_on_plateau.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "spiraltorch/io/safetensors.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/optim/sgd.h"
#include "tests/optim/replaced.h"
#include "tests/support/message.h"

namespace st::optim {
namespace {

SGD two_groups() {
  return SGD({{{zeros({1}).requires_grad_()}, {.lr = 0.5}}, {{zeros({1}).requires_grad_()}, {.lr = 0.03}}});
}

double metric(int t) {
  if (t == 400) return std::numeric_limits<double>::quiet_NaN();
  return 1.0 / (1 + std::min(t, 50)) + (t < 300 ? 0.5 : 0.4) + 1e-5 * ((t * 7919) % 101);
}

void follows(const std::string& name, const ReduceLROnPlateauOptions& options) {
  SCOPED_TRACE(name);
  const StateDict values = io::load_safetensors(SPIRALTORCH_TESTS_DIR "/optim/schedules.safetensors");
  const std::vector<double> expected = values.at(name).to_vector<double>();
  SGD opt = two_groups(), resumed = two_groups();
  ReduceLROnPlateau schedule(opt, options), second(resumed, options);
  for (int t = 1; t <= 1000; ++t) {
    schedule.step(metric(t));
    if (t == 500) second.load_state_dict(schedule.state_dict());
    if (t > 500) second.step(tensor(Scalar(metric(t)), DType::float64));
    for (size_t group : {0u, 1u}) {
      ASSERT_NEAR(opt.lr(group), expected[2 * static_cast<size_t>(t) + group], 1e-16) << "step " << t;
      if (t >= 500) {
        ASSERT_EQ(resumed.lr(group), opt.lr(group)) << "step " << t;
      }
    }
  }
  EXPECT_EQ(schedule.get_last_lr()[0], opt.lr(0));
}

TEST(ReduceLROnPlateau, FollowsPyTorchForAThousandSteps) {
  follows("plateau", {});
  follows("plateau_options", {.factor = 0.7,
                              .patience = 5,
                              .threshold = 1e-3,
                              .threshold_mode = ThresholdMode::abs,
                              .cooldown = 20,
                              .min_lr = {0.01, 0.02}});
  follows("plateau_max", {.mode = PlateauMode::max, .factor = 0.5, .patience = 40, .min_lr = {1e-3}});
}

TEST(ReduceLROnPlateau, RefusesWhatMakesNoSense) {
  SGD opt = two_groups();
  EXPECT_EQ(message<ValueError>([&] { ReduceLROnPlateau(opt, {.factor = 1}); }),
            "ReduceLROnPlateau: factor must be in (0, 1), got 1");
  EXPECT_EQ(message<ValueError>([&] {
              ReduceLROnPlateau(opt, {.min_lr = {1, 2, 3}});
            }),
            "ReduceLROnPlateau: min_lr has 3 values for 2 groups");
}

TEST(ReduceLROnPlateau, LoadsNothingThatItsConstructorRefuses) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  const std::string head = "load_state_dict: the state dict does not fit ReduceLROnPlateau:\n  ";
  SGD opt = two_groups();
  ReduceLROnPlateau s(opt, {.patience = 1});
  const StateDict start = s.state_dict();  // the best is infinite at first
  for (int t = 0; t < 4; ++t) s.step(1.0);
  const StateDict good = s.state_dict();
  const std::string before = test::text_of(good);
  const auto refuses = [&](const std::string& key, const Tensor& value, const std::string& text) {
    EXPECT_EQ(message<ValueError>([&] { s.load_state_dict(test::replaced(good, key, value)); }), text);
    EXPECT_EQ(test::text_of(s.state_dict()), before) << key;
    EXPECT_EQ(opt.lr(), s.get_last_lr()[0]);
  };
  const auto number = [](double x) { return full({}, x, DType::float64); };
  refuses("factor", number(2), "ReduceLROnPlateau: factor must be in (0, 1), got 2");
  refuses("threshold", number(-1), "ReduceLROnPlateau: threshold must be at least 0, got -1");
  refuses("num_bad_epochs", number(-1),
          head + "\"num_bad_epochs\" is -1, a whole number of at least 0 is needed");
  refuses("patience", number(0.5), head + "\"patience\" is 0.5, a whole number of at least 0 is needed");
  refuses("best", number(std::numeric_limits<double>::quiet_NaN()), head + "\"best\" is nan");
  refuses("min_lr", tensor({0., -1.}), "ReduceLROnPlateau: min_lr must be at least 0, got -1");
  refuses("last_lr", tensor({-1., 1.}), "load_state_dict: last_lr must be at least 0, got -1");
  refuses("last_lr", tensor({0.5, inf}), head + "\"last_lr\" is inf");
  s.load_state_dict(start);
  EXPECT_EQ(s.state_dict().at("best").item<double>(), inf);
  EXPECT_EQ(opt.lr(), 0.5);
}

}  // namespace
}  // namespace st::optim
