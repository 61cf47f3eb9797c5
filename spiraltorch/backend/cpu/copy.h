// Copies between any two layouts and element types, and fills.
#pragma once

#include <cstdint>

#include "spiraltorch/backend/view.h"
#include "spiraltorch/core/scalar.h"

namespace st::cpu {

/// y = x, broadcast to y's shape and converted to y's dtype. The two must not overlap.
void copy(In x, Out y);

/// Every element of y becomes `value`, converted to y's dtype.
void fill(Scalar value, Out y);

/// Moves n items of `item` bytes (1, 2, 4 or 8); strides are in items.
void move_items(size_t item, const void* x, int64_t x_stride, void* y, int64_t y_stride, int64_t n);

}  // namespace st::cpu
