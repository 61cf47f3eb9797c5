// What the loops of avg_pool.cpp are given; they work on a range of rows of y, or on the way back of dx.
#pragma once

#include <vector>

#include "spiraltorch/backend/cpu/pool.h"

namespace st::cpu {

/// The windows of one side: window o covers [first[o], last[o]) of the image and counts for size[o]; element
/// i is in the windows [low[i], high[i]).
struct Windows {
  std::vector<int64_t> first, last, size, low, high;
  Windows(const AvgPoolRule& rule, size_t side, int64_t elements, int64_t windows);
};

template <class T>
struct AvgPool {
  Planes x, y;
  const Windows &rows, &cols;
  int64_t divisor;
  const T *x_data, *dy_data;
  T *y_data, *dx_data;

  /// What the sum of window (i, j) is divided by; 0 where it sees nothing.
  int64_t count(size_t i, size_t j) const { return divisor ? divisor : rows.size[i] * cols.size[j]; }
};

template <class T>
struct AvgPoolLoops {
  void (*pool)(const AvgPool<T>& a, int64_t begin, int64_t end);
  void (*spread)(const AvgPool<T>& a, int64_t begin, int64_t end);
};

}  // namespace st::cpu
