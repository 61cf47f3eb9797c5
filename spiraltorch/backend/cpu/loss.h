// Cross entropy of class targets. x is row-major (N, C, M), M = 1 if it has two dimensions; target (N, M) is
// int64; x, the weights and dy are of one dtype, float32 or float64.
#pragma once

#include "spiraltorch/backend/families.h"
#include "spiraltorch/backend/view.h"

namespace st::cpu {

/// Every target in [0, classes) or ignored, else IndexError.
void check_target(In target, int64_t classes, int64_t ignore_index);

/// The loss of each of the N M targets, or, where `loss` has one element, their sum, with rule.mean divided
/// by their total weight. `weight` (C) may be undefined. `statistics` (2, N M) receives max x and log sum
/// exp(x - max x), `total` (float64, one element) the total weight.
void cross_entropy(In x, In target, In weight, CrossEntropyRule rule, Out loss, Out statistics, Out total);

/// dx; dy is of the loss's shape.
void cross_entropy_backward(In x, In target, In weight, CrossEntropyRule rule, In statistics, In total, In dy,
                            Out dx);

/// The targets that a loop is given: `width` neighbouring ones of one row, element c of target j at [c * step
/// + j]; with step 1 it is one target and vectors run along the classes.
template <class T>
struct Targets {
  int64_t classes, step, width;
  const T* x;
  const T* weight;  // of the classes, or null
};

template <class T>
struct CrossEntropyLoops {
  // max x, log sum exp(x - max), and where smoothing: sum of weight (max - x)
  void (*forward)(const Targets<T>& a, bool smoothing, T* max, T* log_sum, T* smooth);
  // dx = likely softmax(x) - even weight, for each target
  void (*backward)(const Targets<T>& a, const T* max, const T* log_sum, const T* likely, const T* even,
                   T* dx);
};

}  // namespace st::cpu
