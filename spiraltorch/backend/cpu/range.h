// Values that are counted, not read: ranges.
#pragma once

#include "spiraltorch/backend/view.h"
#include "spiraltorch/core/scalar.h"

namespace st::cpu {

/// y_i = start + i step in row-major order, computed in double or int64 (in float for the 16-bit types) and
/// rounded once. y is contiguous.
void arange(Scalar start, Scalar step, Out y);

/// y_i = start + i step in the first half and end - (n - 1 - i) step in the second, with step = (end - start)
/// / (n - 1): symmetric, and both ends exact. Computed in y's type (float for 16-bit types, double for
/// integers). y is contiguous. Source: torch.linspace.
void linspace(double start, double end, Out y);

}  // namespace st::cpu
