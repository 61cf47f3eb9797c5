// LayerNorm: checks, and how curvature enters eps.
#include "spiraltorch/nn/layer_norm.h"

#include <cmath>

#include "spiraltorch/nn/repr.h"
#include "spiraltorch/ops/norm.h"
#include "spiraltorch/tensor/operands.h"

namespace st::nn {

LayerNorm::LayerNorm(std::string name, int64_t features, double curvature, double eps,
                     const LayerNormOptions& options)
    : LayerNorm(std::move(name), Shape{features}, curvature, eps, options) {}

LayerNorm::LayerNorm(std::string name, const Shape& normalized_shape, double curvature, double eps,
                     const LayerNormOptions& options)
    : Layer(std::move(name)), normalized_shape_(normalized_shape), curvature_(curvature), eps_(eps) {
  check<ValueError>(!normalized_shape.empty(), "LayerNorm: normalized_shape must have a dimension");
  for (int d = 0; d < normalized_shape.size(); ++d)
    check<ValueError>(normalized_shape[d] >= 1, "LayerNorm: sizes must be at least 1, got {}",
                      normalized_shape);
  check<ValueError>(
      curvature <= 0 && std::isfinite(curvature),
      "LayerNorm: curvature, the third argument, must be at most 0 and finite, got {}; eps is the "
      "fourth",
      curvature);
  check<ValueError>(eps > 0 && std::isfinite(eps), "LayerNorm: eps must be positive and finite, got {}", eps);
  if (options.elementwise_affine)
    weight = Parameter(empty_for("LayerNorm", normalized_shape, DType::float32).fill_(1));
  if (options.elementwise_affine && options.bias)
    bias = Parameter(empty_for("LayerNorm", normalized_shape, DType::float32).fill_(0));
}

double LayerNorm::effective_eps() const { return eps_ * (1 + 0.1 * std::sqrt(-curvature_)); }

Tensor LayerNorm::forward(const Tensor& x) {
  return layer_norm(x, normalized_shape_, weight, bias, {.eps = effective_eps()});
}

void LayerNorm::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
}

std::string LayerNorm::extra_repr() const {
  const std::string curved = curvature_ < 0 ? ", curvature=" + python_repr(curvature_) : "";
  return format_text("{}, eps={}{}, elementwise_affine={}, bias={}",
                     {to_text(normalized_shape_), python_repr(eps_), curved, python_repr(weight.defined()),
                      python_repr(bias.defined())});
}

}  // namespace st::nn
