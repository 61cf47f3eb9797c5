// Flatten: calls its function.
#include "spiraltorch/nn/flatten.h"

#include "spiraltorch/ops/shape.h"

namespace st::nn {

Tensor Flatten::forward(const Tensor& x) { return flatten(x, start_dim_, end_dim_); }

std::string Flatten::extra_repr() const {
  return format_text("start_dim={}, end_dim={}", {to_text(start_dim_), to_text(end_dim_)});
}

}  // namespace st::nn
