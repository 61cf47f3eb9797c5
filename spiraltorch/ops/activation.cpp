// Activations; each gradient comes from the kept output.
#include "spiraltorch/ops/activation.h"

#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/unary.h"

namespace st {

Tensor relu(const Tensor& x) {
  check_operands("relu", {{"x", x}});
  check<DTypeError>(x.dtype() != DType::bool_, "relu: bool tensors are not supported (x: {})", x.shape());
  return unary_op("relu", Unary::relu, x, x.dtype(), Kept::output,
                  [](const Tensor& y, const Tensor& dy) { return where(y <= 0, 0.0, dy); });
}

Tensor tanh(const Tensor& x) {
  return unary_op("tanh", Unary::tanh, x, floating_result("tanh", x), Kept::output,
                  [](const Tensor& y, const Tensor& dy) { return dy * (1 - y * y); });
}

Tensor sigmoid(const Tensor& x) {
  return unary_op("sigmoid", Unary::sigmoid, x, floating_result("sigmoid", x), Kept::output,
                  [](const Tensor& y, const Tensor& dy) { return dy * (1 - y) * y; });
}

}  // namespace st
