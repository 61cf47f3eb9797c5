// Batch, group and layer normalisation. For batches x, y, dy and dx are (N, C, L...), all row-major or all
// channels-last; everything a channel is (C); all of one dtype, float32 or float64. `weight` and `bias` may
// be undefined: 1 and 0.
#pragma once

#include "spiraltorch/backend/view.h"

namespace st::cpu {

/// y = (x - mean) rstd weight + bias with the mean and 1 / sqrt(biased variance + eps) of each channel, which
/// are returned. Running statistics, where defined, move by `momentum` towards the mean and the unbiased
/// variance.
void batch_norm(In x, In weight, In bias, double momentum, double eps, Out running_mean, Out running_var,
                Out y, Out mean, Out rstd);

/// The same with given statistics; rstd = 1 / sqrt(var + eps) is returned.
void batch_norm_eval(In x, In mean, In var, In weight, In bias, double eps, Out y, Out rstd);

/// The gradients; those of weight and bias where defined. `training`: mean and rstd depend on x.
void batch_norm_backward(In x, In dy, In weight, In mean, In rstd, bool training, Out dx, Out dweight,
                         Out dbias);

/// y = (x - mean) rstd weight + bias with the mean and 1 / sqrt(biased variance + eps) of each row of x
/// (m, n), which are returned: layer_norm.cpp. weight and bias (n) may be undefined. All row-major, of one
/// dtype.
void layer_norm(In x, In weight, In bias, double eps, Out y, Out mean, Out rstd);
/// The gradients that are defined.
void layer_norm_backward(In x, In dy, In weight, In mean, In rstd, Out dx, Out dweight, Out dbias);

/// y = x rstd weight with 1 / sqrt(mean(x^2) + eps) of each row of x (m, n), which is returned:
/// layer_norm.cpp. weight (n) may be undefined. All row-major, of one dtype.
void rms_norm(In x, In weight, double eps, Out y, Out rstd);
/// The gradients that are defined.
void rms_norm_backward(In x, In dy, In weight, In rstd, Out dx, Out dweight);

/// y = (x - mean) rstd weight + bias with the mean and 1 / sqrt(biased variance + eps) of each group of
/// neighbouring channels of each sample of x (n, c, l), which are returned as (n groups) of float64:
/// group_norm.cpp. weight and bias (c) may be undefined. All row-major, the others of one dtype; n, c, l
/// >= 1.
void group_norm(In x, In weight, In bias, int64_t groups, double eps, Out y, Out mean, Out rstd);
/// The gradients that are defined.
void group_norm_backward(In x, In dy, In weight, In mean, In rstd, int64_t groups, Out dx, Out dweight,
                         Out dbias);

/// What the loops are given. A unit of work is a channel where its elements are neighbours, else a part of
/// the rows with all channels.
template <class T>
struct BatchNorm {
  int64_t rows, channels, length, parts;
  bool training;
  const T *x, *dy, *mean;                   // dy: null on the way there
  T *scale, *bias, *centre, *tilt, *first;  // one a channel
  double* sums;                             // two rows of channels, for each part
  T *y, *dx;

  /// Whether vectors run along the elements of a channel, else across channels.
  bool along() const { return length > 1; }
  int64_t row(int64_t part) const { return rows * part / parts; }
};

template <class T>
struct BatchNormLoops {
  void (*sums)(const BatchNorm<T>& a, int64_t unit);
  void (*normalise)(const BatchNorm<T>& a, int64_t unit);
  void (*gradient_sums)(const BatchNorm<T>& a, int64_t unit);
  void (*gradient)(const BatchNorm<T>& a, int64_t unit);
};

}  // namespace st::cpu
