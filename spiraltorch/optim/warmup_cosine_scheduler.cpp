// WarmupCosineScheduler: the rate of a step, and who gets it.
#include "spiraltorch/optim/warmup_cosine_scheduler.h"

#include <cmath>
#include <numbers>

#include "spiraltorch/optim/field_state.h"

namespace st::optim {
WarmupCosineScheduler::WarmupCosineScheduler(double base_lr, double min_lr, int64_t warmup_steps,
                                             int64_t total_steps)
    : base_lr_(base_lr), min_lr_(min_lr), warmup_steps_(warmup_steps), total_steps_(total_steps) {
  check_values();
}

void WarmupCosineScheduler::check_values() const {
  check<ValueError>(base_lr_ > 0 && std::isfinite(base_lr_),
                    "WarmupCosineScheduler: base_lr must be positive and finite, got {}", base_lr_);
  check<ValueError>(min_lr_ >= 0 && min_lr_ <= base_lr_,
                    "WarmupCosineScheduler: min_lr must be in [0, base_lr], got {} with base_lr {}", min_lr_,
                    base_lr_);
  check<ValueError>(warmup_steps_ >= 0, "WarmupCosineScheduler: warmup_steps must be at least 0, got {}",
                    warmup_steps_);
  check<ValueError>(
      total_steps_ > warmup_steps_,
      "WarmupCosineScheduler: total_steps must be more than warmup_steps, got {} with warmup_steps {}",
      total_steps_, warmup_steps_);
}

double WarmupCosineScheduler::lr_at(int64_t t) const {
  const double range = base_lr_ - min_lr_;
  if (t >= total_steps_) return min_lr_;
  if (t <= warmup_steps_ && warmup_steps_ > 0) {
    return min_lr_ + range * static_cast<double>(t) / static_cast<double>(warmup_steps_);
  }
  const double part =
      static_cast<double>(t - warmup_steps_) / static_cast<double>(total_steps_ - warmup_steps_);
  return min_lr_ + range * (1 + std::cos(std::numbers::pi * part)) / 2;
}

double WarmupCosineScheduler::step_optimizer(Optimizer& optimizer) {
  const double lr = lr_at(step_ + 1);
  optimizer.set_lr(lr);
  ++step_;
  return lr;
}

double WarmupCosineScheduler::step_optimizer(Optimizer& optimizer, nn::Module& layer) {
  const double lr = lr_at(step_ + 1);
  optimizer.set_lr(lr, layer);
  ++step_;
  return lr;
}

void WarmupCosineScheduler::visit(Fields& v) {
  v("base_lr", base_lr_);
  v("min_lr", min_lr_);
  v("warmup_steps", warmup_steps_);
  v("total_steps", total_steps_);
  v("step", step_);
}

StateDict WarmupCosineScheduler::state_dict() const { return save(Fields::of(*this)); }

void WarmupCosineScheduler::load_state_dict(const StateDict& state) {
  load("WarmupCosineScheduler", Fields::of(*this), state, [this] { check_values(); });
}

}  // namespace st::optim
