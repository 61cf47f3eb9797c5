// ReduceLROnPlateau against PyTorch's over 1,000 steps (tests/reference/schedule_reference.py).
#include "spiraltorch/optim/reduce_lr_on_plateau.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "spiraltorch/io/safetensors.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/optim/sgd.h"
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

}  // namespace
}  // namespace st::optim
