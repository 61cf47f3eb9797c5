// OneCycleLR: the points between which a value moves, and how far it has come. The operations and their order
// are PyTorch's.
#include "spiraltorch/optim/one_cycle_lr.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

namespace st::optim {

OneCycleLR::OneCycleLR(Optimizer& optimizer, double max_lr, int64_t total_steps,
                       const OneCycleLROptions& options)
    : OneCycleLR(optimizer, std::vector<double>(optimizer.num_groups(), max_lr), total_steps, options) {}

OneCycleLR::OneCycleLR(Optimizer& optimizer, std::vector<double> max_lrs, int64_t total_steps,
                       const OneCycleLROptions& options)
    : LRScheduler(optimizer),
      max_lrs_(std::move(max_lrs)),
      total_steps_(total_steps),
      o_(options),
      linear_(options.anneal_strategy == AnnealStrategy::linear) {
  check<ValueError>(max_lrs_.size() == optimizer.num_groups(),
                    "OneCycleLR: {} parameter groups need as many values of max_lr, got {}",
                    optimizer.num_groups(), max_lrs_.size());
  check_values();
  for (size_t i = 0; i < max_lrs_.size(); ++i) base_lrs_[i] = max_lrs_[i] / o_.div_factor;
  start();
}

void OneCycleLR::check_values() const {
  check<ValueError>(total_steps_ >= 1, "OneCycleLR: total_steps must be at least 1, got {}", total_steps_);
  check<ValueError>(last_epoch_ <= total_steps_,
                    "OneCycleLR: last_epoch must be at most total_steps, got {} with total_steps {}",
                    last_epoch_, total_steps_);
  check<ValueError>(o_.pct_start >= 0 && o_.pct_start <= 1, "OneCycleLR: pct_start must be in [0, 1], got {}",
                    o_.pct_start);
  const auto check_positive = [](const char* name, double value) {
    check<ValueError>(value > 0 && std::isfinite(value), "OneCycleLR: {} must be positive and finite, got {}",
                      name, value);
  };
  for (const double max_lr : max_lrs_) check_positive("max_lr", max_lr);
  check_positive("div_factor", o_.div_factor);
  check_positive("final_div_factor", o_.final_div_factor);
  const auto check_momentum = [](const char* name, double value) {
    check<ValueError>(value >= 0 && value < 1, "OneCycleLR: {} must be in [0, 1), got {}", name, value);
  };
  check_momentum("base_momentum", o_.base_momentum);
  check_momentum("max_momentum", o_.max_momentum);
  check<ValueError>(!o_.cycle_momentum || optimizer_.has_momentum(),
                    "OneCycleLR: cycle_momentum needs an optimizer with momentum or betas, this one has "
                    "neither");
  LRScheduler::check_values();
}

double OneCycleLR::along(std::span<const double> points) const {
  const double t = static_cast<double>(last_epoch_), total = static_cast<double>(total_steps_);
  std::array<double, 3> ends = {o_.pct_start * total - 1, 2 * o_.pct_start * total - 2, total - 1};
  if (!o_.three_phase) ends[1] = total - 1;
  size_t phase = 0;
  while (phase + 2 < points.size() && t > ends[phase]) ++phase;
  const double begin = phase == 0 ? 0.0 : ends[phase - 1], length = ends[phase] - begin;
  const double part = length == 0 ? 1.0 : (t - begin) / length;
  const double from = points[phase], to = points[phase + 1];
  if (linear_) return (to - from) * std::min(part, 1.0) + from;
  return to + (from - to) / 2.0 * (std::cos(std::numbers::pi * part) + 1);
}

double OneCycleLR::rate(size_t group) const {
  const double most = max_lrs_[group], first = most / o_.div_factor, last = first / o_.final_div_factor;
  if (o_.three_phase) return along(std::array{first, most, first, last});
  return along(std::array{first, most, last});
}

void OneCycleLR::set_momentums() {
  if (!o_.cycle_momentum) return;
  const double base = o_.base_momentum, most = o_.max_momentum;
  const double momentum =
      o_.three_phase ? along(std::array{most, base, most, most}) : along(std::array{most, base, most});
  for (size_t i = 0; i < max_lrs_.size(); ++i) optimizer_.set_momentum(momentum, i);
}

void OneCycleLR::start() {
  LRScheduler::start();
  set_momentums();
}

void OneCycleLR::step() {
  check<ValueError>(last_epoch_ < total_steps_, "OneCycleLR: all of total_steps = {} steps have been taken",
                    total_steps_);
  LRScheduler::step();
  set_momentums();
}

void OneCycleLR::restore() {
  LRScheduler::restore();
  set_momentums();
}

void OneCycleLR::visit(Fields& v) {
  v("max_lrs", max_lrs_);
  v("total_steps", total_steps_);
  v("pct_start", o_.pct_start);
  v("linear", linear_);
  v("cycle_momentum", o_.cycle_momentum);
  v("base_momentum", o_.base_momentum);
  v("max_momentum", o_.max_momentum);
  v("div_factor", o_.div_factor);
  v("final_div_factor", o_.final_div_factor);
  v("three_phase", o_.three_phase);
  LRScheduler::visit(v);
}

}  // namespace st::optim
