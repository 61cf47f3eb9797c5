// Mlr: the head that turns points of the Poincaré ball into logits.
#pragma once

#include <string>

#include "spiraltorch/nn/module.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {
namespace hyperbolic {

/// Hyperbolic multinomial logistic regression, unidirectional form: with c = -curvature, lambda = 2 / (1 -
/// c|x|^2), z_k the k-th row of weight and r_k the k-th bias,
///   logit_k = (2|z_k| / sqrt c) asinh(lambda <sqrt c x, z_k / |z_k|> cosh(2 sqrt c r_k) - (lambda - 1)
///   sinh(2 sqrt c r_k)),
/// 2|z_k| times the signed, metric-weighted distance of x from the geodesic plane with normal z_k at distance
/// 2 r_k from the origin.   x: (..., features), points   result: (..., classes). As the curvature goes to 0
/// it is 4 (<x, z_k> - r_k |z_k|). weight (classes, features) carries Euclidean, for its rows are no points,
/// and starts in U(-1/sqrt(features), 1/sqrt(features)); bias (classes) starts at 0. A row z_k = 0 gives 0.
/// Throws ValueError unless both sizes are at least 1 and the curvature is negative and finite.
/// Source: Shimizu et al. 2021, equation 6.
class Mlr final : public Layer {
 public:
  Mlr(std::string name, int64_t features, int64_t classes, double curvature = -1.0);
  Tensor forward(const Tensor& x) override;
  void visit(Visitor& v) override;
  std::string extra_repr() const override;
  /// Draws weight anew and sets bias to 0.
  void reset_parameters();

  double curvature() const { return curvature_; }

  Parameter weight, bias;

 private:
  double curvature_;
};
static_assert(ModuleValue<Mlr>);

}  // namespace hyperbolic
}  // namespace nn
}  // namespace st
