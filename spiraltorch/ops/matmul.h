// Matrix products.
#pragma once

#include "spiraltorch/backend/families.h"
#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// The product of matrices, with PyTorch's rules: 1-dim operands are vectors, leading dimensions broadcast.
/// a: (..., m, k)   b: (..., k, n)   result: (..., m, n).      da = dy b^T, db = a^T dy.      Source:
/// torch.matmul.
Tensor matmul(const Tensor& a, const Tensor& b);
/// The same of two matrices (m, k) and (k, n), and of nothing else (ShapeError). Source: torch.mm.
Tensor mm(const Tensor& a, const Tensor& b);
/// The same of two lists of as many matrices, (batch, m, k) and (batch, k, n). Source: torch.bmm.
Tensor bmm(const Tensor& a, const Tensor& b);
/// The same of two vectors of one size. As in PyTorch autocast does not reach it. Source: torch.dot.
Tensor dot(const Tensor& a, const Tensor& b);

struct LinearFuncOptions {
  Activation activation = Activation::none;
};

/// y = act(x w^T + b) on the last dimension, in one pass.   x: (..., in)   w: (out, in)   b: (out) or
/// undefined. With g = dy act'(y):   dx = g w,   dw = g^T x,   db = sum g.      Source:
/// torch.nn.functional.linear.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              const LinearFuncOptions& options = {});

}  // namespace st
