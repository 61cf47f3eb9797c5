// WarmupCosineScheduler: a rise along a straight line, then a cosine down to the least rate.
#pragma once

#include <cstdint>

#include "spiraltorch/optim/optimizer.h"

namespace [[gnu::visibility("default")]] st {
namespace optim {

/// The t-th step, t from 1, gives the rate
///   min + (base - min) t / warmup                                                   while t <= warmup,
///   min + (base - min) (1 + cos(pi (t - warmup) / D)) / 2, D = total - warmup        after it,
///   min                                                                             from t = total on.
/// Throws ValueError unless base is positive and finite, min in [0, base], warmup >= 0 and total > warmup.
/// Before the first step the optimiser keeps the rate it has.
class WarmupCosineScheduler final {
 public:
  WarmupCosineScheduler(double base_lr, double min_lr, int64_t warmup_steps, int64_t total_steps);

  /// The next rate, given to all groups of `optimizer`, and returned.
  double step_optimizer(Optimizer& optimizer);
  /// The same by optimizer.set_lr(rate, layer): ZSpaceOptimizer sets its own rate and that of the layer's
  /// tapes, where a mode's own rate keeps the ratio to the optimiser's that it had when it was set; for
  /// optimisers without tapes the layer does not matter.
  double step_optimizer(Optimizer& optimizer, nn::Module& layer);

  /// The rate at step t, without any effect.
  double lr_at(int64_t t) const;
  /// Steps taken.
  int64_t last_step() const { return step_; }

  /// "base_lr", "min_lr", "warmup_steps", "total_steps", "step".
  StateDict state_dict() const;
  /// Continues from there; the optimiser's rate is its own state. Throws ValueError that lists what does not
  /// fit, or for values that the constructor would refuse; then nothing has changed.
  void load_state_dict(const StateDict& state);

 private:
  friend class Fields;
  void visit(Fields& v);
  void check_values() const;

  double base_lr_, min_lr_;
  int64_t warmup_steps_, total_steps_, step_ = 0;
};

}  // namespace optim
}  // namespace st
