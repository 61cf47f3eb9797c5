// Products of float64 matrices, which maps that mix rows make chunk by chunk of rows.
#pragma once

#include <algorithm>

#include "spiraltorch/backend/cpu/reference/gemm.h"

namespace st::cpu {

/// A matrix by its first element and the steps to the next row and column.
struct Matrix {
  const double* data;
  int64_t row, col;
};

/// y (m, n), contiguous, = a (m, k) b (k, n).
inline void multiply(Matrix a, Matrix b, int64_t m, int64_t n, int64_t k, double* y) {
  reference::Gemm g;
  g.dtype = DType::float64;
  g.m = m, g.n = n, g.k = k;
  g.a = a.data, g.a_row = a.row, g.a_col = a.col;
  g.b = b.data, g.b_row = b.row, g.b_col = b.col;
  g.y = y, g.y_row = n, g.y_col = 1;
  reference::gemm(g);
}

/// How many rows of `width` numbers make a chunk: 8 MB, and whole blocks, unless there are fewer rows.
inline int64_t chunk_rows(int64_t rows, int64_t width) {
  return std::min(rows, std::clamp<int64_t>((1 << 20) / (width + 1) / 64 * 64, 64, 4096));
}

template <class From, class To>
void convert(const From* from, int64_t count, To* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<To>(from[i]);
}

}  // namespace st::cpu
