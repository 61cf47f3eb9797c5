// Matrix products by oneDNN: float32, and bfloat16 where the processor has it.
#pragma once

#include <functional>
#include <string>

#include "spiraltorch/backend/view.h"

namespace st::cpu::onednn {

/// y = a b.   a: (batch..., m, k)   b: (batch..., k, n), equal batches, none of the sizes 0. Returns false
/// and does nothing where oneDNN does not serve the types or the strides with more than its reference loops.
bool matmul(In a, In b, Out y);

/// y = x w^T + bias.   x: (m, k)   w: (n, k)   bias: (n) or undefined. As above.
///
/// The rule of packing: a weight is packed into oneDNN's own layout when it is met a second time at the same
/// version of its storage, and the copy is kept until it is written to. So inference packs once, and
/// training, which meets every version once, never (measured for 128 x 784 x 512: the plain layout costs 7 %
/// more, packing 30 %). Weights of less than 64 x 64 and external memory are never packed.
bool linear(In x, In w, In bias, Out y);

/// y = x w^T, or y += x w^T, for one w and one shape again and again, as a recurrence has it: planned and
/// packed once. Of x and y only types, sizes and strides count here; the function takes their data. Empty
/// where linear would return false.
using RepeatedLinear = std::function<void(const void* x, void* y)>;
RepeatedLinear repeated_linear(In x, In w, Out y, bool add);

/// The name of what oneDNN would run for linear, "brg:avx512_core" say, plain or packed; empty if nothing.
/// For tests and reports.
std::string linear_implementation(In x, In w, In bias, Out y, bool packed);
std::string matmul_implementation(In a, In b, Out y);

}  // namespace st::cpu::onednn
