// The casts of autocast, for the ops that take part in it (core/modes.h holds the mode). Each is recorded, so
// that gradients arrive in the dtype of what was given; an undefined tensor stays undefined.
#pragma once

#include "spiraltorch/core/modes.h"
#include "spiraltorch/tensor/tensor.h"

namespace st {

/// What autocast makes of this dtype: autocast_dtype(), or the same.
DType autocast_dtype_of(DType dtype);

/// For the operands of products: x in autocast_dtype() if autocast is on and x is floating-point, but not
/// float64; else x itself. The cast of a leaf that requires a gradient is kept, as below.
Tensor autocast(const Tensor& x);
/// The same for a weight: its cast is kept in its storage's derived slot for one version, so that it is cast
/// again only after it was written to.
Tensor autocast_weight(const Tensor& w);
/// For what is to stay exact (losses, prod): a 16-bit x in float32 if autocast is on; else x itself.
Tensor autocast_float32(const Tensor& x);

}  // namespace st
