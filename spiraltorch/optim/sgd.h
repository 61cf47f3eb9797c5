// SGD: stochastic gradient descent with momentum.
#pragma once

#include "spiraltorch/optim/optimizer.h"

namespace [[gnu::visibility("default")]] st {
namespace optim {

struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
  /// Ascends instead.
  bool maximize = false;

  void visit(Fields& v);
  void check() const;
};

struct SGDState {
  Tensor momentum_buffer;  // undefined before the first step with momentum

  void visit(Fields& v) { v.optional("momentum_buffer", momentum_buffer); }
};

extern template class OptimizerOf<SGDOptions, SGDState>;

/// g = grad + weight_decay p;   b = g at first, then momentum b + (1 - dampening) g;
/// p <- p - lr (g + momentum b if nesterov, else b), without momentum p - lr g.
/// Throws ValueError unless lr > 0, momentum and weight_decay are at least 0, all finite, and nesterov comes
/// with momentum and without dampening. Source: torch.optim.SGD.
///
/// A parameter that carries a curved manifold gets geoopt.optim.RiemannianSGD: g becomes the Riemannian
/// gradient, p <- retract(p, -lr b), and b is transported to the new point. Differs from geoopt: the first b
/// is the Riemannian gradient, there it is the sum of that and the Euclidean one.
class SGD final : public OptimizerOf<SGDOptions, SGDState> {
 public:
  explicit SGD(const std::vector<Tensor>& params, const SGDOptions& options = {})
      : OptimizerOf({{params, options}}) {}
  explicit SGD(const std::vector<ParamGroup<SGDOptions>>& groups) : OptimizerOf(groups) {}

 protected:
  void update(Tensor& leaf, const Tensor& grad, SGDState& state, const SGDOptions& options) override;
  void update_all(std::span<Step> steps) override;
};

}  // namespace optim
}  // namespace st
