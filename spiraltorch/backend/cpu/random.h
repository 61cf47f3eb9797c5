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

/// y_i = x_i / (1 - p), or 0 with probability p. Element i in the order of memory is decided by word i % 4 of
/// philox(seed, offset + i / 4), so that backward makes the same choices again. x and y: any floating dtype,
/// dense, of the same strides; y may be x.
void dropout(In x, double p, uint64_t seed, uint64_t offset, Out y);

/// What dropout runs on one instruction set: the words of so many blocks, and what they keep of x.
struct DropoutLoops {
  void (*words)(uint64_t, uint64_t, int64_t, uint32_t*);
  void (*floats)(const float*, const uint32_t*, uint32_t, float, float*, int64_t);
  void (*doubles)(const double*, const uint32_t*, uint32_t, double, double*, int64_t);
};

}  // namespace st::cpu
