// RMSNorm: checks its arguments, calls its function.
#include "spiraltorch/nn/rms_norm.h"

#include <cmath>

#include "spiraltorch/nn/repr.h"
#include "spiraltorch/ops/norm.h"
#include "spiraltorch/tensor/operands.h"

namespace st::nn {

RMSNorm::RMSNorm(std::string name, int64_t features, std::optional<double> eps, const RMSNormOptions& options)
    : RMSNorm(std::move(name), Shape{features}, eps, options) {}

RMSNorm::RMSNorm(std::string name, const Shape& normalized_shape, std::optional<double> eps,
                 const RMSNormOptions& options)
    : Layer(std::move(name)), normalized_shape_(normalized_shape), eps_(eps) {
  check<ValueError>(!normalized_shape.empty(), "RMSNorm: normalized_shape must have a dimension");
  for (const int64_t size : normalized_shape)
    check<ValueError>(size >= 1, "RMSNorm: sizes must be at least 1, got {}", normalized_shape);
  check<ValueError>(!eps || (*eps > 0 && std::isfinite(*eps)),
                    "RMSNorm: eps must be positive and finite, got {}", eps.value_or(0));
  if (options.elementwise_affine)
    weight = Parameter(empty_for("RMSNorm", normalized_shape, DType::float32).fill_(1));
}

Tensor RMSNorm::forward(const Tensor& x) { return rms_norm(x, normalized_shape_, weight, eps_); }

void RMSNorm::visit(Visitor& v) { v("weight", weight); }

std::string RMSNorm::extra_repr() const {
  return format_text(
      "{}, eps={}, elementwise_affine={}",
      {to_text(normalized_shape_), eps_ ? python_repr(*eps_) : "None", python_repr(weight.defined())});
}

}  // namespace st::nn
