// ReduceLROnPlateau: counting steps without improvement.
#include "spiraltorch/optim/reduce_lr_on_plateau.h"

#include <algorithm>
#include <cmath>

#include "spiraltorch/optim/field_state.h"

namespace st::optim {

ReduceLROnPlateau::ReduceLROnPlateau(Optimizer& optimizer, const ReduceLROnPlateauOptions& options)
    : optimizer_(optimizer), o_(options) {
  check_values();
  const size_t groups = optimizer.num_groups();
  check<ValueError>(o_.min_lr.size() <= 1 || o_.min_lr.size() == groups,
                    "ReduceLROnPlateau: min_lr has {} values for {} groups", o_.min_lr.size(), groups);
  if (o_.min_lr.size() <= 1) {
    const double all = o_.min_lr.empty() ? 0 : o_.min_lr[0];
    o_.min_lr.assign(groups, all);
  }
  if (o_.mode == PlateauMode::max) best_ = -best_;
  for (size_t i = 0; i < groups; ++i) last_lr_.push_back(optimizer.lr(i));
}

void ReduceLROnPlateau::check_values() const {
  check<ValueError>(o_.factor > 0 && o_.factor < 1, "ReduceLROnPlateau: factor must be in (0, 1), got {}",
                    o_.factor);
  check<ValueError>(o_.patience >= 0, "ReduceLROnPlateau: patience must be at least 0, got {}", o_.patience);
  check<ValueError>(o_.cooldown >= 0, "ReduceLROnPlateau: cooldown must be at least 0, got {}", o_.cooldown);
  check<ValueError>(o_.threshold >= 0 && std::isfinite(o_.threshold),
                    "ReduceLROnPlateau: threshold must be at least 0, got {}", o_.threshold);
  check<ValueError>(o_.eps >= 0 && std::isfinite(o_.eps), "ReduceLROnPlateau: eps must be at least 0, got {}",
                    o_.eps);
  for (double rate : o_.min_lr) {
    check<ValueError>(rate >= 0 && std::isfinite(rate),
                      "ReduceLROnPlateau: min_lr must be at least 0, got {}", rate);
  }
  check_rates("last_lr", last_lr_);
}

void ReduceLROnPlateau::visit(Fields& v) {
  v.unbounded("best", best_);
  v("num_bad_epochs", num_bad_epochs_);
  v("cooldown_counter", cooldown_counter_);
  v("last_epoch", last_epoch_);
  v("factor", o_.factor);
  v("patience", o_.patience);
  v("threshold", o_.threshold);
  v("cooldown", o_.cooldown);
  v("eps", o_.eps);
  v("min_lr", o_.min_lr);
  v("last_lr", last_lr_);
}

bool ReduceLROnPlateau::is_better(double metric) const {
  const bool relative = o_.threshold_mode == ThresholdMode::rel;
  if (o_.mode == PlateauMode::min) {
    return metric < (relative ? best_ * (1.0 - o_.threshold) : best_ - o_.threshold);
  }
  return metric > (relative ? best_ * (o_.threshold + 1.0) : best_ + o_.threshold);
}

void ReduceLROnPlateau::step(double metric) {
  check<ValueError>(optimizer_.num_groups() == o_.min_lr.size(),
                    "step: the schedule was made for {} parameter groups, the optimizer has {} now",
                    o_.min_lr.size(), optimizer_.num_groups());
  ++last_epoch_;
  if (is_better(metric)) {
    best_ = metric;
    num_bad_epochs_ = 0;
  } else {
    ++num_bad_epochs_;
  }
  if (cooldown_counter_ > 0) {
    --cooldown_counter_;
    num_bad_epochs_ = 0;
  }
  const bool reduce = num_bad_epochs_ > o_.patience;
  for (size_t i = 0; i < last_lr_.size(); ++i) {
    const double old = optimizer_.lr(i), lower = std::max(old * o_.factor, o_.min_lr[i]);
    if (reduce && old - lower > o_.eps) optimizer_.set_lr(lower, i);
    last_lr_[i] = optimizer_.lr(i);
  }
  if (reduce) {
    cooldown_counter_ = o_.cooldown;
    num_bad_epochs_ = 0;
  }
}

StateDict ReduceLROnPlateau::state_dict() const { return save(Fields::of(*this)); }

void ReduceLROnPlateau::load_state_dict(const StateDict& state) {
  load("ReduceLROnPlateau", Fields::of(*this), state, [this] { check_values(); });
  for (size_t i = 0; i < last_lr_.size(); ++i) optimizer_.set_lr(last_lr_[i], i);
}

}  // namespace st::optim
