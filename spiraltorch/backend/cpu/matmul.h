// Products of matrices on the CPU: which of oneDNN, the vector kernel and our own loops does the work.
#pragma once

#include "spiraltorch/backend/families.h"
#include "spiraltorch/backend/view.h"

namespace st::cpu {

/// y = a b.   a: (batch..., m, k)   b: (batch..., k, n)   y: (batch..., m, n), equal batches; a batch may be
/// repeated by strides of 0. k == 0 gives zeros.
void matmul(In a, In b, Out y);

/// y = act(x w^T + bias).   x: (m, k)   w: (n, k)   bias: (n) or undefined   y: (m, n)
/// x and w may be of 16 bits where bias and y are float32.
void linear(In x, In w, In bias, Activation activation, Out y);

}  // namespace st::cpu
