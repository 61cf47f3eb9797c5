// Mlr: the head that turns points of the Poincaré ball into logits.
#pragma once

#include <string>

#include "spiraltorch/nn/module.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {
namespace hyperbolic {

/// Hyperbolic multinomial logistic regression: geometry::mlr(x, weight, bias, curvature), where the formula
/// and forward's errors stand. x: (..., features), points; result: (..., classes). weight (classes, features)
/// carries Euclidean, for its rows are no points, and starts in U(-1/sqrt(features), 1/sqrt(features)); bias
/// (classes) starts at 0. The constructor throws ValueError unless both sizes are at least 1 and the
/// curvature is negative and finite. For a curvature that is learnt call geometry::mlr.
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
