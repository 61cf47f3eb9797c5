// PyTorch's everyday schedules of the learning rate: LRScheduler, LambdaLR, StepLR, MultiStepLR,
// ExponentialLR, ConstantLR, LinearLR, PolynomialLR, CosineAnnealingLR and SequentialLR, which runs one after
// another. OneCycleLR, ReduceLROnPlateau and WarmupCosineScheduler have files of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "spiraltorch/optim/optimizer.h"

namespace [[gnu::visibility("default")]] st {
namespace optim {

/// The base of schedules: it sets the rates of all groups of one optimiser, which must outlive it and stay
/// where it is. Constructing a schedule sets the first rates. The rates that a group had when the first
/// schedule came to its optimiser are the base of all of them. Rates are chained, as PyTorch's: each comes
/// from the one the group has, so that a rate changed by hand stays changed.
/// Source: torch.optim.lr_scheduler.
class LRScheduler {
 public:
  virtual ~LRScheduler() = default;
  LRScheduler(const LRScheduler&) = delete;
  LRScheduler& operator=(const LRScheduler&) = delete;

  /// To be called after the optimiser's step: the next epoch (or whatever the schedule counts).
  virtual void step();
  /// The rates that this schedule set last, one a group.
  const std::vector<double>& get_last_lr() const { return last_lr_; }
  /// The number of steps taken.
  int64_t last_epoch() const { return last_epoch_; }

  /// The options and "last_epoch", "base_lrs", "last_lr".
  StateDict state_dict() const;
  /// Continues from there. Differs from PyTorch: the optimiser gets the rates it had, so that it does not
  /// matter which of the two is loaded first. Throws ValueError that lists what does not fit, and for values
  /// that the constructor would refuse; then nothing has changed.
  void load_state_dict(const StateDict& state);

 protected:
  explicit LRScheduler(Optimizer& optimizer);

  /// The rate at epoch 0, from the rate that the group has.
  virtual double first(double lr) const { return lr; }
  /// The rate at last_epoch() >= 1, from the one before it and the base.
  virtual double next(double lr, double /*base*/) const { return lr; }
  /// The rate of a group at last_epoch(): first() or next(), where a schedule does not tell groups apart.
  virtual double rate(size_t group) const;
  /// Gives the optimiser what it had at last_epoch(), when that has been loaded.
  virtual void restore();
  /// What is saved. A schedule names its options, then calls its base's.
  virtual void visit(Fields& v);
  /// Throws ValueError for options and rates that make no sense. Constructors call it, and loading. A
  /// schedule looks at its options, then calls its base's.
  virtual void check_values() const;
  /// Takes epoch 0. A constructor ends with it.
  virtual void start();

  Optimizer& optimizer_;
  int64_t last_epoch_ = 0;
  std::vector<double> base_lrs_, last_lr_;

 private:
  friend class Fields;
  friend class SequentialLR;
  void go_to(int64_t epoch);
  void read_rates();
};

/// The base rate times lr_lambda(t) at step t, t from 0 on.
///   LambdaLR warmup(opt, [](int64_t t) { return std::min(1.0, (t + 1) / 100.0); });
/// Throws ValueError for an empty function, and, when a rate is set, for a factor below 0 or not finite; then
/// nothing has changed. The state dict does not have the functions. Source:
/// torch.optim.lr_scheduler.LambdaLR, which saves functions that are objects.
class LambdaLR final : public LRScheduler {
 public:
  using Lambda = std::function<double(int64_t)>;
  LambdaLR(Optimizer& optimizer, const Lambda& lr_lambda);
  /// One for each group.
  LambdaLR(Optimizer& optimizer, std::vector<Lambda> lr_lambdas);

 private:
  double rate(size_t group) const override;

  std::vector<Lambda> lr_lambdas_;
};

struct StepLROptions {
  double gamma = 0.1;
};

/// The rate times gamma after every step_size steps. Throws ValueError unless step_size >= 1 and gamma is
/// positive and finite. Source: torch.optim.lr_scheduler.StepLR.
class StepLR final : public LRScheduler {
 public:
  StepLR(Optimizer& optimizer, int64_t step_size, const StepLROptions& options = {});

 private:
  double next(double lr, double base) const override;
  void visit(Fields& v) override;
  void check_values() const override;

  int64_t step_size_;
  double gamma_;
};

/// The rate times gamma after the steps that `milestones` names, in any order; one that is there twice counts
/// twice. Throws ValueError unless milestones are at least 1 and gamma is positive and finite.
/// Source: torch.optim.lr_scheduler.MultiStepLR.
class MultiStepLR final : public LRScheduler {
 public:
  MultiStepLR(Optimizer& optimizer, std::vector<int64_t> milestones, const StepLROptions& options = {});

 private:
  double next(double lr, double base) const override;
  void visit(Fields& v) override;
  void check_values() const override;

  std::vector<int64_t> milestones_;
  double gamma_;
};

/// The rate times gamma after every step. Throws ValueError unless gamma is positive and finite.
/// Source: torch.optim.lr_scheduler.ExponentialLR.
class ExponentialLR final : public LRScheduler {
 public:
  ExponentialLR(Optimizer& optimizer, double gamma);

 private:
  double next(double lr, double) const override { return lr * gamma_; }
  void visit(Fields& v) override;
  void check_values() const override;

  double gamma_;
};

struct ConstantLROptions {
  double factor = 1.0 / 3;
  int64_t total_iters = 5;
};

/// The rate times factor for the first total_iters steps. Throws ValueError unless factor is in (0, 1] and
/// total_iters >= 1. Source: torch.optim.lr_scheduler.ConstantLR.
class ConstantLR final : public LRScheduler {
 public:
  explicit ConstantLR(Optimizer& optimizer, const ConstantLROptions& options = {});

 private:
  double first(double lr) const override { return lr * o_.factor; }
  double next(double lr, double base) const override;
  void visit(Fields& v) override;
  void check_values() const override;

  ConstantLROptions o_;
};

struct PolynomialLROptions {
  int64_t total_iters = 5;
  double power = 1;
};

/// base (1 - t / total_iters)^power at step t, and what it is then after total_iters. Throws ValueError
/// unless total_iters >= 1 and power is at least 0 and finite. Source: torch.optim.lr_scheduler.PolynomialLR.
class PolynomialLR final : public LRScheduler {
 public:
  explicit PolynomialLR(Optimizer& optimizer, const PolynomialLROptions& options = {});

 private:
  double next(double lr, double base) const override;
  void visit(Fields& v) override;
  void check_values() const override;

  PolynomialLROptions o_;
};

struct LinearLROptions {
  double start_factor = 1.0 / 3;
  double end_factor = 1;
  int64_t total_iters = 5;
};

/// The rate times a factor that goes from start_factor to end_factor in total_iters steps and stays there.
/// Throws ValueError unless start_factor is in (0, 1], end_factor in [0, 1] and total_iters >= 1.
/// Source: torch.optim.lr_scheduler.LinearLR.
class LinearLR final : public LRScheduler {
 public:
  explicit LinearLR(Optimizer& optimizer, const LinearLROptions& options = {});

 private:
  double first(double lr) const override { return lr * o_.start_factor; }
  double next(double lr, double base) const override;
  void visit(Fields& v) override;
  void check_values() const override;

  LinearLROptions o_;
};

struct CosineAnnealingLROptions {
  double eta_min = 0;
};

/// eta_min + (base - eta_min) (1 + cos(pi t / t_max)) / 2 at step t, up again after t_max. Throws ValueError
/// unless t_max >= 1 and eta_min is at least 0 and finite. Source:
/// torch.optim.lr_scheduler.CosineAnnealingLR.
class CosineAnnealingLR final : public LRScheduler {
 public:
  CosineAnnealingLR(Optimizer& optimizer, int64_t t_max, const CosineAnnealingLROptions& options = {});

 private:
  double next(double lr, double base) const override;
  void visit(Fields& v) override;
  void check_values() const override;

  int64_t t_max_;
  double eta_min_;
};

/// The first schedule up to milestones[0], the second from there up to milestones[1], and so on; each starts
/// from the base rate. The schedules are made for the same optimiser beforehand:
///   SequentialLR s(opt, {std::make_shared<LinearLR>(opt), std::make_shared<CosineAnnealingLR>(opt, 95)},
///   {5});
/// Throws ValueError unless there is one milestone less than schedules, milestones ascend from 1, and the
/// schedules belong to this optimiser and are no SequentialLR themselves. Its state dict has "milestones" and
/// those of the schedules: "schedulers.0.last_epoch", ...
/// Source: torch.optim.lr_scheduler.SequentialLR.
class SequentialLR final : public LRScheduler {
 public:
  SequentialLR(Optimizer& optimizer, std::vector<std::shared_ptr<LRScheduler>> schedulers,
               std::vector<int64_t> milestones);
  void step() override;

 private:
  void visit(Fields& v) override;
  void check_values() const override;
  void restore() override;
  size_t at(int64_t epoch) const;

  std::vector<std::shared_ptr<LRScheduler>> schedulers_;
  std::vector<int64_t> milestones_;
};

}  // namespace optim
}  // namespace st
