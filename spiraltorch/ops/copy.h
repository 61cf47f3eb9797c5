// Copies and conversions.
#pragma once

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// A copy of its own, with x's dense strides.
Tensor clone(const Tensor& x);
/// x itself if it is row-major, else a row-major copy.
Tensor contiguous(const Tensor& x);
/// x itself if it has the dtype, else a converted copy.
Tensor to(const Tensor& x, DType dtype);
/// x itself if it is there, else a copy on the device, with x's dense strides.
Tensor to(const Tensor& x, Device device);

}  // namespace st
