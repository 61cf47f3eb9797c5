// One matrix product y = a b + bias over operands of any strides: what float64 and integers run on, and the
// layouts and processors that oneDNN does not serve.
#pragma once

#include <cstdint>

#include "spiraltorch/core/dtype.h"

namespace st::cpu::reference {

/// y (m, n) = a (m, k) b (k, n) + bias (n). All of one dtype, strides in elements, any sign or zero (y: no
/// zero where the size is above 1). bias may be null.
struct Gemm {
  DType dtype = DType::float32;
  int64_t m = 0, n = 0, k = 0;
  const void* a = nullptr;
  int64_t a_row = 0, a_col = 0;
  const void* b = nullptr;
  int64_t b_row = 0, b_col = 0;
  void* y = nullptr;
  int64_t y_row = 0, y_col = 0;
  const void* bias = nullptr;
  int64_t bias_stride = 0;
};

/// Sums over k run in one order for each element, whatever the number of threads: blocks of k one after the
/// other, fused multiply-adds within. bfloat16 and float16 are summed in float32 and rounded once; integers
/// wrap around. k == 0 gives the bias, or zeros. bool is not served.
void gemm(const Gemm& g);

}  // namespace st::cpu::reference
