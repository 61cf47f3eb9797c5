// Running sums along one dimension.
#pragma once

#include "spiraltorch/backend/cpu/lines.h"
#include "spiraltorch/backend/view.h"

namespace st::cpu {

/// y_i = x_0 + ... + x_i along `dim`, or from the end: x_i + ... + x_(n-1). In y's compute type; floating
/// sums are carried in float64. y is dense.
void cumsum(In x, int dim, bool from_end, Out y);

template <class T>
using ScanLoop = void (*)(const Lines<T>&);

}  // namespace st::cpu
