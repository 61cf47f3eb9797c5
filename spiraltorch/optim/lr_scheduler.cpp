// The schedules, each from the rate before it: the operations and their order are PyTorch's, so that a
// thousand steps stay equal.
#include "spiraltorch/optim/lr_scheduler.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "spiraltorch/optim/field_state.h"

namespace st::optim {
namespace {

void check_gamma(const char* who, double gamma) {
  check<ValueError>(gamma > 0 && std::isfinite(gamma), "{}: gamma must be positive and finite, got {}", who,
                    gamma);
}

void check_total_iters(const char* who, int64_t total_iters) {
  check<ValueError>(total_iters >= 1, "{}: total_iters must be at least 1, got {}", who, total_iters);
}

}  // namespace

// --- LRScheduler

LRScheduler::LRScheduler(Optimizer& optimizer) : optimizer_(optimizer) {
  base_lrs_ = optimizer.initial_lrs();
  read_rates();
}

void LRScheduler::read_rates() {
  last_lr_.resize(optimizer_.num_groups());
  for (size_t i = 0; i < last_lr_.size(); ++i) last_lr_[i] = optimizer_.lr(i);
}

double LRScheduler::rate(size_t group) const {
  const double lr = optimizer_.lr(group);
  return last_epoch_ == 0 ? first(lr) : next(lr, base_lrs_[group]);
}

// All rates of the epoch, or none.
void LRScheduler::go_to(int64_t epoch) {
  const int64_t before = std::exchange(last_epoch_, epoch);
  std::vector<double> rates;
  try {
    for (size_t i = 0; i < base_lrs_.size(); ++i) rates.push_back(rate(i));
  } catch (...) {
    last_epoch_ = before;
    throw;
  }
  for (size_t i = 0; i < rates.size(); ++i) optimizer_.set_lr(rates[i], i);
  read_rates();
}

void LRScheduler::start() { go_to(0); }

void LRScheduler::step() {
  check<ValueError>(optimizer_.num_groups() == base_lrs_.size(),
                    "step: the schedule was made for {} parameter groups, the optimizer has {} now",
                    base_lrs_.size(), optimizer_.num_groups());
  go_to(last_epoch_ + 1);
}

void LRScheduler::check_values() const {
  check_rates("base_lrs", base_lrs_);
  check_rates("last_lr", last_lr_);
}

void LRScheduler::visit(Fields& v) {
  v("last_epoch", last_epoch_);
  v("base_lrs", base_lrs_);
  v("last_lr", last_lr_);
}

StateDict LRScheduler::state_dict() const { return save(Fields::of(*this)); }

void LRScheduler::load_state_dict(const StateDict& state) {
  load("the schedule", Fields::of(*this), state, [this] { check_values(); });
  restore();
}

void LRScheduler::restore() {
  for (size_t i = 0; i < last_lr_.size(); ++i) optimizer_.set_lr(last_lr_[i], i);
}

// --- LambdaLR

LambdaLR::LambdaLR(Optimizer& optimizer, const Lambda& lr_lambda)
    : LambdaLR(optimizer, std::vector<Lambda>(optimizer.num_groups(), lr_lambda)) {}

LambdaLR::LambdaLR(Optimizer& optimizer, std::vector<Lambda> lr_lambdas)
    : LRScheduler(optimizer), lr_lambdas_(std::move(lr_lambdas)) {
  check<ValueError>(lr_lambdas_.size() == optimizer.num_groups(),
                    "LambdaLR: {} parameter groups need as many functions, got {}", optimizer.num_groups(),
                    lr_lambdas_.size());
  for (size_t i = 0; i < lr_lambdas_.size(); ++i)
    check<ValueError>(lr_lambdas_[i] != nullptr, "LambdaLR: the function of group {} is empty", i);
  start();
}

double LambdaLR::rate(size_t group) const {
  const double factor = lr_lambdas_[group](last_epoch_);
  check<ValueError>(factor >= 0 && std::isfinite(factor),
                    "LambdaLR: factors must be at least 0 and finite, got {} for group {} at step {}", factor,
                    group, last_epoch_);
  return base_lrs_[group] * factor;
}

// --- StepLR

StepLR::StepLR(Optimizer& optimizer, int64_t step_size, const StepLROptions& options)
    : LRScheduler(optimizer), step_size_(step_size), gamma_(options.gamma) {
  check_values();
  start();
}

void StepLR::check_values() const {
  check<ValueError>(step_size_ >= 1, "StepLR: step_size must be at least 1, got {}", step_size_);
  check_gamma("StepLR", gamma_);
  LRScheduler::check_values();
}

double StepLR::next(double lr, double) const { return last_epoch_ % step_size_ == 0 ? lr * gamma_ : lr; }

void StepLR::visit(Fields& v) {
  v("step_size", step_size_);
  v("gamma", gamma_);
  LRScheduler::visit(v);
}

// --- MultiStepLR and ExponentialLR

MultiStepLR::MultiStepLR(Optimizer& optimizer, std::vector<int64_t> milestones, const StepLROptions& options)
    : LRScheduler(optimizer), milestones_(std::move(milestones)), gamma_(options.gamma) {
  check_values();
  start();
}

void MultiStepLR::check_values() const {
  for (int64_t milestone : milestones_) {
    check<ValueError>(milestone >= 1, "MultiStepLR: milestones must be at least 1, got {}", milestone);
  }
  check_gamma("MultiStepLR", gamma_);
  LRScheduler::check_values();
}

double MultiStepLR::next(double lr, double) const {
  const auto times = std::count(milestones_.begin(), milestones_.end(), last_epoch_);
  return times == 0 ? lr : lr * std::pow(gamma_, static_cast<double>(times));
}

void MultiStepLR::visit(Fields& v) {
  v("milestones", milestones_);
  v("gamma", gamma_);
  LRScheduler::visit(v);
}

ExponentialLR::ExponentialLR(Optimizer& optimizer, double gamma) : LRScheduler(optimizer), gamma_(gamma) {
  check_values();
  start();
}

void ExponentialLR::check_values() const {
  check_gamma("ExponentialLR", gamma_);
  LRScheduler::check_values();
}

void ExponentialLR::visit(Fields& v) {
  v("gamma", gamma_);
  LRScheduler::visit(v);
}

// --- ConstantLR and PolynomialLR

ConstantLR::ConstantLR(Optimizer& optimizer, const ConstantLROptions& options)
    : LRScheduler(optimizer), o_(options) {
  check_values();
  start();
}

void ConstantLR::check_values() const {
  check<ValueError>(o_.factor > 0 && o_.factor <= 1, "ConstantLR: factor must be in (0, 1], got {}",
                    o_.factor);
  check_total_iters("ConstantLR", o_.total_iters);
  LRScheduler::check_values();
}

double ConstantLR::next(double lr, double) const {
  return last_epoch_ == o_.total_iters ? lr * (1.0 / o_.factor) : lr;
}

void ConstantLR::visit(Fields& v) {
  v("factor", o_.factor);
  v("total_iters", o_.total_iters);
  LRScheduler::visit(v);
}

PolynomialLR::PolynomialLR(Optimizer& optimizer, const PolynomialLROptions& options)
    : LRScheduler(optimizer), o_(options) {
  check_values();
  start();
}

void PolynomialLR::check_values() const {
  check_total_iters("PolynomialLR", o_.total_iters);
  check<ValueError>(o_.power >= 0 && std::isfinite(o_.power),
                    "PolynomialLR: power must be at least 0 and finite, got {}", o_.power);
  LRScheduler::check_values();
}

double PolynomialLR::next(double lr, double) const {
  if (last_epoch_ > o_.total_iters) return lr;
  const double t = static_cast<double>(last_epoch_), total = static_cast<double>(o_.total_iters);
  return lr * std::pow((1.0 - t / total) / (1.0 - (t - 1) / total), o_.power);
}

void PolynomialLR::visit(Fields& v) {
  v("total_iters", o_.total_iters);
  v("power", o_.power);
  LRScheduler::visit(v);
}

// --- LinearLR

LinearLR::LinearLR(Optimizer& optimizer, const LinearLROptions& options)
    : LRScheduler(optimizer), o_(options) {
  check_values();
  start();
}

void LinearLR::check_values() const {
  check<ValueError>(o_.start_factor > 0 && o_.start_factor <= 1,
                    "LinearLR: start_factor must be in (0, 1], got {}", o_.start_factor);
  check<ValueError>(o_.end_factor >= 0 && o_.end_factor <= 1,
                    "LinearLR: end_factor must be in [0, 1], got {}", o_.end_factor);
  check_total_iters("LinearLR", o_.total_iters);
  LRScheduler::check_values();
}

double LinearLR::next(double lr, double) const {
  if (last_epoch_ > o_.total_iters) return lr;
  const double rise = o_.end_factor - o_.start_factor;
  return lr * (1.0 + rise / (static_cast<double>(o_.total_iters) * o_.start_factor +
                             static_cast<double>(last_epoch_ - 1) * rise));
}

void LinearLR::visit(Fields& v) {
  v("start_factor", o_.start_factor);
  v("end_factor", o_.end_factor);
  v("total_iters", o_.total_iters);
  LRScheduler::visit(v);
}

// --- CosineAnnealingLR

CosineAnnealingLR::CosineAnnealingLR(Optimizer& optimizer, int64_t t_max,
                                     const CosineAnnealingLROptions& options)
    : LRScheduler(optimizer), t_max_(t_max), eta_min_(options.eta_min) {
  check_values();
  start();
}

void CosineAnnealingLR::check_values() const {
  check<ValueError>(t_max_ >= 1, "CosineAnnealingLR: t_max must be at least 1, got {}", t_max_);
  check<ValueError>(eta_min_ >= 0 && std::isfinite(eta_min_),
                    "CosineAnnealingLR: eta_min must be at least 0 and finite, got {}", eta_min_);
  LRScheduler::check_values();
}

double CosineAnnealingLR::next(double lr, double base) const {
  constexpr double pi = std::numbers::pi;
  const double t_max = static_cast<double>(t_max_), t = static_cast<double>(last_epoch_);
  if ((last_epoch_ - 1 - t_max_) % (2 * t_max_) == 0) {
    return lr + (base - eta_min_) * (1 - std::cos(pi / t_max)) / 2;
  }
  const double next =
      (1 + std::cos(pi * t / t_max)) / (1 + std::cos(pi * (t - 1) / t_max)) * (lr - eta_min_) + eta_min_;
  return std::max(next, 0.0);  // a rounding below 0 is no rate
}

void CosineAnnealingLR::visit(Fields& v) {
  v("t_max", t_max_);
  v("eta_min", eta_min_);
  LRScheduler::visit(v);
}

// --- SequentialLR

SequentialLR::SequentialLR(Optimizer& optimizer, std::vector<std::shared_ptr<LRScheduler>> schedulers,
                           std::vector<int64_t> milestones)
    : LRScheduler(optimizer), schedulers_(std::move(schedulers)), milestones_(std::move(milestones)) {
  check<ValueError>(!schedulers_.empty() && milestones_.size() + 1 == schedulers_.size(),
                    "SequentialLR: {} schedules need {} milestones, got {}", schedulers_.size(),
                    schedulers_.empty() ? 0 : schedulers_.size() - 1, milestones_.size());
  for (size_t i = 0; i < schedulers_.size(); ++i) {
    check<ValueError>(schedulers_[i] != nullptr, "SequentialLR: schedule {} is null", i);
    check<ValueError>(&schedulers_[i]->optimizer_ == &optimizer,
                      "SequentialLR: schedule {} belongs to another optimizer", i);
    check<ValueError>(!dynamic_cast<const SequentialLR*>(schedulers_[i].get()),
                      "SequentialLR: schedule {} is a SequentialLR itself", i);
  }
  check_values();
  for (size_t i = 0; i < base_lrs_.size(); ++i) optimizer.set_lr(base_lrs_[i], i);  // undoes their own starts
  schedulers_[0]->start();
  last_lr_ = schedulers_[0]->last_lr_;
}

void SequentialLR::check_values() const {
  for (size_t i = 0; i < milestones_.size(); ++i) {
    check<ValueError>(milestones_[i] > (i ? milestones_[i - 1] : 0),
                      "SequentialLR: milestones must ascend from 1, got {} at position {}", milestones_[i],
                      i);
  }
  for (const auto& schedule : schedulers_) schedule->check_values();
  LRScheduler::check_values();
}

// Which of the schedules has this epoch.
size_t SequentialLR::at(int64_t epoch) const {
  return static_cast<size_t>(std::upper_bound(milestones_.begin(), milestones_.end(), epoch) -
                             milestones_.begin());
}

void SequentialLR::restore() {
  schedulers_[at(last_epoch_)]->restore();
  LRScheduler::restore();
}

void SequentialLR::step() {
  const int64_t epoch = last_epoch_ + 1;
  const size_t i = at(epoch);
  LRScheduler& schedule = *schedulers_[i];
  if (i > 0 && milestones_[i - 1] == epoch) {
    for (size_t group = 0; group < base_lrs_.size(); ++group) optimizer_.set_lr(base_lrs_[group], group);
    schedule.start();
  } else {
    schedule.step();
  }
  last_epoch_ = epoch;
  last_lr_ = schedule.last_lr_;
}

void SequentialLR::visit(Fields& v) {
  v("milestones", milestones_);
  LRScheduler::visit(v);
  for (size_t i = 0; i < schedulers_.size(); ++i) {
    v.nested("schedulers." + std::to_string(i) + ".", *schedulers_[i]);
  }
}

}  // namespace st::optim
