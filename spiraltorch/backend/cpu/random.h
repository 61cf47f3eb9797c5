// Random fills: core/random.h's streams, written to tensors. y is contiguous and filled in row-major order.
#pragma once

#include "spiraltorch/backend/view.h"
#include "spiraltorch/core/random.h"

namespace st::cpu {

/// U[from, to), for floating dtypes; 16-bit ones are drawn as float32, as in PyTorch.
void uniform(Out y, double from, double to, Generator& gen);
/// N(mean, std^2), for floating dtypes.
void normal(Out y, double mean, double std, Generator& gen);
/// Uniform on low .. high - 1, for any dtype.
void randint(Out y, int64_t low, int64_t high, Generator& gen);
/// A permutation of 0 .. n - 1, int64.
void randperm(Out y, Generator& gen);

}  // namespace st::cpu
