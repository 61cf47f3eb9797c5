// Running sums and products along one dimension.
#pragma once

#include "spiraltorch/backend/cpu/lines.h"
#include "spiraltorch/backend/view.h"

namespace st::cpu {

/// y_i = x_0 + ... + x_i along `dim`, or from the end: x_i + ... + x_(n-1). In y's compute type; floating
/// sums are carried in float64. y is dense.
void cumsum(In x, int dim, bool from_end, Out y);

/// y_i = x_0 ... x_i along `dim`, computed as sums are.
void cumprod(In x, int dim, Out y);

/// y_i = b_i + a_i y_(i-1), or from the end: b_i + a_i y_(i+1), with 0 for what is not there. y is floating.
void linear_scan(In a, In b, int dim, bool from_end, Out y);

template <class T>
using ScanLoop = void (*)(const Lines<T>&);

}  // namespace st::cpu
