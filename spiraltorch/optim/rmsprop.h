// RMSprop: steps scaled by a running mean of the gradient's squares.
#pragma once

#include "spiraltorch/optim/optimizer.h"

namespace [[gnu::visibility("default")]] st {
namespace optim {

struct RMSpropOptions {
  double lr = 1e-2;
  double alpha = 0.99;
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum = 0;
  /// Scales by the variance of the gradient instead of its second moment.
  bool centered = false;
  /// Ascends instead.
  bool maximize = false;

  void visit(Fields& v);
  void check() const;
};

struct RMSpropState {
  int64_t step = 0;
  Tensor square_avg;
  Tensor grad_avg;         // if centered
  Tensor momentum_buffer;  // undefined before the first step with momentum

  void visit(Fields& v);
};

extern template class OptimizerOf<RMSpropOptions, RMSpropState>;

/// g = grad + weight_decay p;   v <- alpha v + (1 - alpha) g^2;
/// s = sqrt(v) + eps, or if centered, with m <- alpha m + (1 - alpha) g, s = sqrt(v - m^2) + eps;
/// p <- p - lr g / s, or with momentum b <- momentum b + g / s, p <- p - lr b.   v, m and b start at 0.
/// Throws ValueError unless lr and eps are positive, alpha in [0, 1], weight_decay and momentum at least 0,
/// all finite; and in a step for a parameter that carries a curved manifold, which Adam and SGD can move.
/// Source: Hinton's lecture 6e, Graves 2013 (centered), torch.optim.RMSprop (which allows lr = 0 and eps =
/// 0).
class RMSprop final : public OptimizerOf<RMSpropOptions, RMSpropState> {
 public:
  explicit RMSprop(const std::vector<Tensor>& params, const RMSpropOptions& options = {})
      : OptimizerOf({{params, options}}) {}
  explicit RMSprop(const std::vector<ParamGroup<RMSpropOptions>>& groups) : OptimizerOf(groups) {}

 protected:
  void update(Tensor& leaf, const Tensor& grad, RMSpropState& state, const RMSpropOptions& options) override;
  void update_all(std::span<Step> steps) override;
  void check_leaf(const Tensor& leaf) const override;
};

}  // namespace optim
}  // namespace st
