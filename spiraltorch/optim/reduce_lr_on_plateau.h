// ReduceLROnPlateau: a lower learning rate when a measurement no longer improves.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "spiraltorch/optim/optimizer.h"

namespace [[gnu::visibility("default")]] st {
namespace optim {

/// Whether a smaller or a larger measurement is better.
enum class PlateauMode { min, max };
/// Whether the threshold is a part of the best measurement or a difference from it.
enum class ThresholdMode { rel, abs };

struct ReduceLROnPlateauOptions {
  PlateauMode mode = PlateauMode::min;
  double factor = 0.1;
  int64_t patience = 10;
  double threshold = 1e-4;
  ThresholdMode threshold_mode = ThresholdMode::rel;
  int64_t cooldown = 0;
  /// The least rate: none for 0, one for all groups, or one a group.
  std::vector<double> min_lr = {};
  double eps = 1e-8;
};

/// A measurement is better when it is below best (1 - threshold), or below best - threshold (`abs`); for
/// `max` above best (1 + threshold) or best + threshold. After more than `patience` others in a row every
/// rate becomes max(factor rate, min_lr), unless that changes it by eps or less; then `cooldown` steps do not
/// count. NaN is not better. The optimiser must outlive it and stay where it is. Throws ValueError unless
/// factor is in (0, 1), patience, threshold, cooldown, eps and min_lr are at least 0 and min_lr has 0, 1 or
/// one value a group. Source: torch.optim.lr_scheduler.ReduceLROnPlateau.
class ReduceLROnPlateau final {
 public:
  explicit ReduceLROnPlateau(Optimizer& optimizer, const ReduceLROnPlateauOptions& options = {});
  ReduceLROnPlateau(const ReduceLROnPlateau&) = delete;
  ReduceLROnPlateau& operator=(const ReduceLROnPlateau&) = delete;

  void step(double metric);
  /// The same for a tensor of one element.
  void step(const Tensor& metric) { step(metric.item<double>()); }
  /// The rates after the last step, one a group.
  const std::vector<double>& get_last_lr() const { return last_lr_; }
  int64_t last_epoch() const { return last_epoch_; }

  /// "best", "num_bad_epochs", "cooldown_counter", "last_epoch", "last_lr" and the options that are numbers.
  StateDict state_dict() const;
  /// Continues from there, with the rates that the optimiser had. Throws ValueError that lists what does not
  /// fit, and for values that the constructor would refuse; then nothing has changed.
  void load_state_dict(const StateDict& state);

 private:
  friend class Fields;
  void visit(Fields& v);
  void check_values() const;
  bool is_better(double metric) const;

  Optimizer& optimizer_;
  ReduceLROnPlateauOptions o_;
  double best_ = std::numeric_limits<double>::infinity();
  int64_t num_bad_epochs_ = 0, cooldown_counter_ = 0, last_epoch_ = 0;
  std::vector<double> last_lr_;
};

}  // namespace optim
}  // namespace st
