// Softmax and its logarithm.
#pragma once

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// y_i = exp(x_i - max x) / sum_j exp(x_j - max x) along dim.      dx = y (dy - sum(dy y)).      Source:
/// torch.softmax.
Tensor softmax(const Tensor& x, int64_t dim);

/// y_i = x_i - max x - log sum_j exp(x_j - max x) along dim.      dx = dy - exp(y) sum(dy).      Source:
/// torch.log_softmax.
Tensor log_softmax(const Tensor& x, int64_t dim);

}  // namespace st
