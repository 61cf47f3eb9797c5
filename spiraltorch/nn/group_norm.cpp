// GroupNorm: checks its arguments, calls its function.
#include "spiraltorch/nn/group_norm.h"

#include <cmath>

#include "spiraltorch/nn/repr.h"
#include "spiraltorch/ops/norm.h"
#include "spiraltorch/tensor/operands.h"

namespace st::nn {

GroupNorm::GroupNorm(std::string name, int64_t num_groups, int64_t num_channels, double eps,
                     const GroupNormOptions& options)
    : Layer(std::move(name)), num_groups_(num_groups), num_channels_(num_channels), eps_(eps) {
  check<ValueError>(num_groups >= 1, "GroupNorm: num_groups must be at least 1, got {}", num_groups);
  check<ValueError>(num_channels >= 1, "GroupNorm: num_channels must be at least 1, got {}", num_channels);
  check<ValueError>(num_channels % num_groups == 0,
                    "GroupNorm: num_groups must divide num_channels, got {} groups for {} channels",
                    num_groups, num_channels);
  check<ValueError>(eps > 0 && std::isfinite(eps), "GroupNorm: eps must be positive and finite, got {}", eps);
  const auto each = [&](double value) {
    return empty_for("GroupNorm", {num_channels}, DType::float32).fill_(value);
  };
  if (options.affine) weight = Parameter(each(1));
  if (options.affine && options.bias) bias = Parameter(each(0));
}

Tensor GroupNorm::forward(const Tensor& x) {
  check_operands("GroupNorm", {{"x", x}});
  check<ShapeError>(x.dim() >= 2 && x.size(1) == num_channels_,
                    "GroupNorm: x must be (N, {}) or (N, {}, d1, ...), got {}", num_channels_, num_channels_,
                    x.shape());
  return group_norm(x, num_groups_, weight, bias, {.eps = eps_});
}

void GroupNorm::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
}

std::string GroupNorm::extra_repr() const {
  return format_text("{}, {}, eps={}, affine={}, bias={}",
                     {to_text(num_groups_), to_text(num_channels_), python_repr(eps_),
                      python_repr(weight.defined()), python_repr(bias.defined())});
}

}  // namespace st::nn
