// What ops around a fused kernel share: tensors as such a kernel takes them, and memory for the gradients
// that it writes.
#pragma once

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/ops/copy.h"

namespace st {

/// t row-major and in the dtype that the kernel computes in; an undefined tensor stays undefined.
inline Tensor operand(const Tensor& t, DType compute) { return t.defined() ? contiguous(to(t, compute)) : t; }

/// Memory for the gradient of input i, undefined if nobody asks for it.
inline Tensor gradient_memory(const Backward& b, int i, const Shape& shape, DType dtype, Device device) {
  return b.needs(i) ? empty(shape, dtype, device) : Tensor();
}

}  // namespace st
