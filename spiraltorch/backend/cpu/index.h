// Kernels that pick and add by index tensors (int64 or int32, any strides).
#pragma once

#include <cstdint>

#include "spiraltorch/backend/view.h"
#include "spiraltorch/core/scalar.h"

namespace st::cpu {

/// Throws IndexError naming the first index outside of [low, high), in row-major order.
void check_index(const char* op, In index, int64_t low, int64_t high);

/// y: x's shape with index's length along dim.
void index_select(In x, int dim, In index, Out y);
/// y[.., index_k, ..] += alpha x[.., k, ..]. x and y are of one dtype.
void index_add(Out y, int dim, In index, In x, Scalar alpha);
/// y has index's shape.
void gather(In x, int dim, In index, Out y);
/// y[.., index, ..] = x over index's shape, the last of several. x and y are of one dtype.
void scatter(Out y, int dim, In index, In x);
/// y[.., index, ..] += x over index's shape. x and y are of one dtype.
void scatter_add(Out y, int dim, In index, In x);

}  // namespace st::cpu
