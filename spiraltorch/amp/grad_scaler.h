// GradScaler: the loss made larger, so that small gradients survive in 16 bits, and gradients made smaller
// again before the step; steps with overflow are left out.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "spiraltorch/nn/module.h"
#include "spiraltorch/optim/optimizer.h"

namespace [[gnu::visibility("default")]] st {
namespace amp {

/// scaler.scale_loss(loss).backward();
/// scaler.unscale(model), clip_grad_norm_(model.parameters(), 1.0);   // optional
/// bool stepped = scaler.step(opt, model);
///
/// step() divides the gradients by the scale. If any element is Inf or NaN, nothing moves, the gradients
/// become none, and the scale is multiplied by `backoff`. Else the optimiser steps, and after `interval` good
/// steps in a row the scale is multiplied by `growth`. The scale stays within the limits. So an Inf or NaN of
/// a gradient never reaches a weight or an optimiser's state; that it reaches no running statistic either is
/// batch_norm's own doing.
/// With several optimisers each step looks at the gradients of its own leaves and counts as one; gradients
/// are divided by the scale that the last scale_loss used, once each, whatever else steps in between.
/// Throws ValueError unless scale is positive and finite, growth > 1 and finite, backoff in (0, 1) and
/// interval >= 1. Source: torch.amp.GradScaler, whose step() does not update.
class GradScaler final {
 public:
  explicit GradScaler(double scale = 65536.0, double growth = 2.0, double backoff = 0.5,
                      int64_t interval = 2000);

  /// The same with these limits; the scale moves to the nearer one if it is outside. Throws ValueError unless
  /// 0 < min <= max, both finite.
  GradScaler with_limits(double min, double max) const;

  /// loss times scale(). For a tensor it is recorded; it keeps its dtype.
  double scale_loss(double loss);
  Tensor scale_loss(const Tensor& loss);

  /// Divides the gradients now, for clipping before the step. Throws ValueError if one of them was divided
  /// already since its last step or the last update.
  void unscale(nn::Module& module);
  void unscale(optim::Optimizer& optimizer);

  /// See above; all leaves of the model, which optimizer.step(model) steps. False if it did not step.
  bool step(optim::Optimizer& optimizer, nn::Module& model);
  /// The same for all leaves of the optimiser.
  bool step(optim::Optimizer& optimizer);
  /// What step() does to the scale, for a step that was taken by hand after unscale(): it counts the leaves
  /// that were unscaled and took no step() since. Without such it does nothing.
  void update();

  double scale() const { return scale_; }
  double growth_factor() const { return growth_; }
  double backoff_factor() const { return backoff_; }
  int64_t growth_interval() const { return interval_; }

  /// torch.amp.GradScaler's "scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker",
  /// and "min_scale", "max_scale".
  StateDict state_dict() const;
  /// Continues from there; the limits may be missing. Throws ValueError that lists what does not fit, and for
  /// values that the constructor would refuse; then nothing has changed.
  void load_state_dict(const StateDict& state);

 private:
  // A leaf whose gradient was divided, and whether an Inf or NaN was seen in it.
  struct Unscaled {
    std::shared_ptr<TensorImpl> leaf;
    bool found = false;
  };

  friend class optim::Fields;
  void visit(optim::Fields& v);
  void check_values() const;
  // Divides those gradients that were not yet, and looks at all of them.
  void unscale_leaves(const std::vector<Tensor>& leaves);
  bool step_leaves(optim::Optimizer& optimizer, nn::Module* model, const std::vector<Tensor>& leaves);
  // What one step does to the scale.
  void count(bool found);

  double scale_, growth_, backoff_;
  int64_t interval_, good_steps_ = 0;
  double min_ = std::numeric_limits<float>::min(), max_ = std::numeric_limits<float>::max();
  std::optional<double> used_;  // by the last scale_loss
  std::unordered_map<const TensorImpl*, Unscaled>
      unscaled_;  // since its leaf's last step, or the last update
};

}  // namespace amp
}  // namespace st
