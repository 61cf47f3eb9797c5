// Conversions between float32 and the 16-bit types by vectors: what every kernel does with 16-bit operands.
#pragma once

#include <cstdint>

#include "spiraltorch/core/dtype.h"

namespace st::cpu {

/// y_i = x_i for i < n, contiguous, with the bits of convert<To>(From) (core/dtype.h).
using Conversion = void (*)(const void* x, void* y, int64_t n);

/// The conversion by the widest vectors of this processor; null for pairs other than float32 with bfloat16 or
/// float16.
Conversion vector_conversion(DType from, DType to);

}  // namespace st::cpu
