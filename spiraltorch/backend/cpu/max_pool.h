// What the loops of max_pool.cpp are given; they work on a range of rows of y, or on the way back of x.
#pragma once

#include "spiraltorch/backend/cpu/pool.h"

namespace st::cpu {

template <class T>
struct MaxPool {
  MaxPoolRule rule;
  Planes x, y;
  const T *x_data = nullptr, *dy_data = nullptr;
  T *y_data = nullptr, *dx_data = nullptr;
  uint8_t* positions = nullptr;
  int64_t* places = nullptr;
};

template <class T>
struct MaxPoolLoops {
  void (*pool)(const MaxPool<T>& a, int64_t begin, int64_t end);
  void (*scatter)(const MaxPool<T>& a, int64_t begin, int64_t end);
};

}  // namespace st::cpu
