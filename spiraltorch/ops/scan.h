// Running sums and products along one dimension.
#pragma once

#include <optional>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// y_i = x_0 + ... + x_i along `dim`; integers and bool give int64.      dx_i = dy_i + ... + dy_(n-1).
/// `dtype`: x is converted to it first, and the result has it; bool is refused. Source: torch.cumsum.
Tensor cumsum(const Tensor& x, int64_t dim, std::optional<DType> dtype = {});

/// y_i = x_0 ... x_i along `dim`; dtypes as for cumsum. The gradient is exact beside zeros, too. Source:
/// torch.cumprod.
Tensor cumprod(const Tensor& x, int64_t dim, std::optional<DType> dtype = {});

}  // namespace st
