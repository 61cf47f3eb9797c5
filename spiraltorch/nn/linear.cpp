// Linear: the layer that every other one is written after.
#include "spiraltorch/nn/linear.h"

#include <cmath>

#include "spiraltorch/nn/init.h"
#include "spiraltorch/nn/repr.h"
#include "spiraltorch/ops/matmul.h"
#include "spiraltorch/tensor/operands.h"

namespace st::nn {

Linear::Linear(std::string name, int64_t in_features, int64_t out_features, const LinearOptions& options)
    : Layer(std::move(name)) {
  check<ValueError>(in_features >= 1, "Linear: in_features must be at least 1, got {}", in_features);
  check<ValueError>(out_features >= 1, "Linear: out_features must be at least 1, got {}", out_features);
  weight = Parameter(empty_for("Linear", {out_features, in_features}, DType::float32));
  if (options.bias) bias = Parameter(empty_for("Linear", {out_features}, DType::float32));
  reset_parameters();
}

void Linear::reset_parameters() {
  init::kaiming_uniform_(weight, {.a = std::sqrt(5.0)});
  if (bias.defined()) {
    const double bound = 1 / std::sqrt(static_cast<double>(weight.size(1)));
    init::uniform_(bias, -bound, bound);
  }
}

Tensor Linear::forward(const Tensor& x) { return linear(x, weight, bias); }

void Linear::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
}

std::string Linear::extra_repr() const {
  return format_text("in_features={}, out_features={}, bias={}",
                     {to_text(weight.size(1)), to_text(weight.size(0)), python_repr(bias.defined())});
}

}  // namespace st::nn
