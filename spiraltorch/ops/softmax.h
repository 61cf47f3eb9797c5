// Softmax, its logarithm, and the logarithm of what it divides by.
#pragma once

#include <optional>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// y_i = exp(x_i - max x) / sum_j exp(x_j - max x) along dim.      dx = y (dy - sum(dy y)).      Source:
/// torch.softmax. `dtype`: x is converted to it first.
Tensor softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype = {});

/// y_i = x_i - max x - log sum_j exp(x_j - max x) along dim.      dx = dy - exp(y) sum(dy).      Source:
/// torch.log_softmax. `dtype`: x is converted to it first.
Tensor log_softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype = {});

/// log sum exp(x) over one dimension, several, or all, without overflow; -infinity of nothing; integers give
/// float32.      dx = dy exp(x - y).      Source: torch.logsumexp.
Tensor logsumexp(const Tensor& x, const Axes& dims, KeepDim keep = false);

}  // namespace st
