// Mlr: its parameters; the logits are geometry::mlr.
#include "spiraltorch/nn/hyperbolic/mlr.h"

#include <cmath>

#include "spiraltorch/geometry/ball.h"
#include "spiraltorch/geometry/euclidean.h"
#include "spiraltorch/nn/init.h"
#include "spiraltorch/nn/repr.h"
#include "spiraltorch/ops/creation.h"

namespace st::nn::hyperbolic {

Mlr::Mlr(std::string name, int64_t features, int64_t classes, double curvature)
    : Layer(std::move(name)), curvature_(curvature) {
  check<ValueError>(features >= 1, "Mlr: features must be at least 1, got {}", features);
  check<ValueError>(classes >= 1, "Mlr: classes must be at least 1, got {}", classes);
  check<ValueError>(curvature < 0 && std::isfinite(curvature),
                    "Mlr: curvature must be negative and finite, got {}", curvature);
  weight = Parameter(empty({classes, features}));
  bias = Parameter(empty({classes}));
  weight.set_manifold(std::make_shared<Euclidean>());
  reset_parameters();
}

void Mlr::reset_parameters() {
  init::kaiming_uniform_(weight, {.a = std::sqrt(5.0)});
  init::zeros_(bias);
}

Tensor Mlr::forward(const Tensor& x) { return geometry::mlr(x, weight, bias, curvature_); }

void Mlr::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
}

std::string Mlr::extra_repr() const {
  return format_text("in_features={}, classes={}, curvature={}",
                     {to_text(weight.size(1)), to_text(weight.size(0)), python_repr(curvature_)});
}

}  // namespace st::nn::hyperbolic
