// Reductions over any set of dimensions.
#pragma once

#include "spiraltorch/backend/families.h"
#include "spiraltorch/backend/view.h"

namespace st::cpu {

/// y has size 1 where `dims` are reduced and its dtype says what is returned. Sums, means and products of
/// floating types are accumulated in float64 (in long rows of float32 after four neighbours are added, see
/// reduce-inl.h), of the others in int64. The order of the additions depends on
/// the shape and the strides alone, never on the number of threads.
void reduce(Reduce op, In x, DimSet dims, Out y);

/// The largest (smallest) element along `dim` and its first index; a NaN wins, the first one. `values` and
/// `indices` have size 1 there, x more than 0.
void extremum(Extremum op, In x, int dim, Out values, Out indices);

/// The innermost loops of one reduction (reduce-inl.h), chosen once a call.
template <class T, class Acc>
struct Fold {
  Acc neutral;
  void (*down)(Acc* acc, const T* x, int64_t step, int64_t rows,
               int64_t n);  // acc[j] with every x[r * step + j]
  void (*merge)(Acc* acc, const Acc* x, int64_t step, int64_t rows, int64_t n);
  Acc (*along)(Acc acc, const T* x, int64_t n);
};

template <class T>
struct ExtremumLoops {
  int64_t (*along)(const T* x, int64_t n);  // the first index
  void (*across)(const T* x, int64_t step, int64_t rows, int64_t n, T* values, int64_t* indices);
};

}  // namespace st::cpu
