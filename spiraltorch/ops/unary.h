// The pattern that every elementwise function of one tensor follows.
#pragma once

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/promotion.h"
#include "spiraltorch/tensor/operands.h"

namespace st {

/// What the gradient of a unary function is computed from.
enum class Kept { input, output };

/// The dtype of a function whose values are floating, once x is known to be there.
inline DType floating_result(const char* name, const Tensor& x) {
  check_operands(name, {{"x", x}});
  return floating_dtype(x.dtype());
}

/// y = op(x) in `dtype`. The gradient is one fused pass; `composed(kept, dy)` is the same in ops, for
/// create_graph.
template <class F>
Tensor unary_op(const char* name, Unary op, const Tensor& x, DType dtype, Kept kept, F composed) {
  const Tensor y = empty_like(x, dtype);
  kernels(x.device()).unary(op, x.in(), y.out());
  return record(name, y, {x}, Keep{kept == Kept::input ? x : y}, [op, composed](const Backward& b) -> Grads {
    const Tensor k = b.kept(0), &dy = b.dy();
    if (grad_enabled()) return {composed(k, dy)};
    const Tensor dx = empty_like(dy);
    kernels(dy.device()).unary_backward(op, k.in(), dy.in(), dx.out());
    return {dx};
  });
}

}  // namespace st
