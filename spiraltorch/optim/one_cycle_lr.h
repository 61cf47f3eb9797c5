// OneCycleLR: one rise of the learning rate and one fall, with the momentum the other way round.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "spiraltorch/optim/lr_scheduler.h"

namespace [[gnu::visibility("default")]] st {
namespace optim {

/// The curve of a phase, between its ends.
enum class AnnealStrategy { cos, linear };

struct OneCycleLROptions {
  /// The part of the steps in which the rate rises.
  double pct_start = 0.3;
  AnnealStrategy anneal_strategy = AnnealStrategy::cos;
  /// Whether momentum, or the first beta, moves against the rate.
  bool cycle_momentum = true;
  double base_momentum = 0.85;
  double max_momentum = 0.95;
  /// The first rate is max_lr / div_factor, the last one the first / final_div_factor.
  double div_factor = 25;
  double final_div_factor = 1e4;
  /// Whether the rate comes down to the first one as fast as it rose, and to the last one after that.
  bool three_phase = false;
};

/// From the first rate up to max_lr at step pct_start total_steps - 1, and down to the last one at step
/// total_steps - 1; momentum goes from max_momentum to base_momentum and back. With three phases the rate is
/// back at the first one at step 2 pct_start total_steps - 2. Within a phase from a to b, p from 0 to 1:
///   cos     b + (a - b) (1 + cos(pi p)) / 2          linear   a + (b - a) p
/// A step is a batch, not an epoch. Throws ValueError unless total_steps >= 1, max_lr, div_factor and
/// final_div_factor are positive and finite, pct_start is in [0, 1], and base_momentum and max_momentum are
/// in [0, 1); for cycle_momentum with an optimiser that has neither a momentum nor betas; and for more than
/// total_steps steps, which then have changed nothing.
/// Source: Smith and Topin 2017, torch.optim.lr_scheduler.OneCycleLR. Differs from PyTorch: `linear` stays at
/// the last rate in step total_steps, where PyTorch's line goes on below it; a phase of no length is at its
/// end, where PyTorch divides by 0; the base rates of the optimiser's other schedules stay as they are.
class OneCycleLR final : public LRScheduler {
 public:
  OneCycleLR(Optimizer& optimizer, double max_lr, int64_t total_steps, const OneCycleLROptions& options = {});
  /// One rate for each group.
  OneCycleLR(Optimizer& optimizer, std::vector<double> max_lrs, int64_t total_steps,
             const OneCycleLROptions& options = {});
  void step() override;

 private:
  double rate(size_t group) const override;
  void visit(Fields& v) override;
  void check_values() const override;
  void restore() override;
  void start() override;
  /// The value at last_epoch() of what goes from points[0] to points[1] and so on, a phase each.
  double along(std::span<const double> points) const;
  void set_momentums();

  std::vector<double> max_lrs_;
  int64_t total_steps_;
  OneCycleLROptions o_;
  bool linear_;
};

}  // namespace optim
}  // namespace st
