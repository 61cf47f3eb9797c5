// A matrix times one vector, or a few: the products of batch 1, which move memory and hardly compute.
#pragma once

#include <cstdint>

#include "spiraltorch/core/dtype.h"

namespace st::cpu {

/// y_i = W x_i + bias for i < count.   W: (rows, cols)   x: (count, cols)   y: (count, rows)   bias: (rows)
/// or null. Strides in elements.
struct MatVec {
  DType dtype = DType::float32;
  int64_t rows = 0, cols = 0, count = 1;
  const void* w = nullptr;
  int64_t w_row = 0, w_col = 0;
  const void* x = nullptr;
  int64_t x_vector = 0, x_col = 0;
  void* y = nullptr;
  int64_t y_vector = 0, y_row = 0;
  const void* bias = nullptr;
  int64_t bias_stride = 0;
};

inline constexpr int64_t kMostVectors = 4;

/// Computes it, in one pass over W, where that is the best way: float32, float64 or bfloat16 (summed in
/// float32, rounded once), rows of W contiguous and at most kMostVectors vectors, or columns contiguous and
/// one vector. Returns false and does nothing otherwise. The order of each sum depends on `cols` and the
/// layout alone.
bool matvec(const MatVec& p);

}  // namespace st::cpu
