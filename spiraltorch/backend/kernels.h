// The one table of kernels that a device offers. A slot knows its name: an empty one throws by itself.
// backend/cpu/kernels.cpp fills the table of the CPU in plain sight. Kernels trust their arguments: the
// public function has checked them.
#pragma once

#include <span>

#include "spiraltorch/backend/families.h"
#include "spiraltorch/backend/optimizer.h"
#include "spiraltorch/backend/view.h"
#include "spiraltorch/core/device.h"
#include "spiraltorch/core/scalar.h"

namespace st {

class Generator;

[[noreturn]] void throw_missing_kernel(const char* op);

template <class... A>
struct Kernel {
  const char* op;
  void (*fn)(A...) = nullptr;
  void operator()(A... a) const { fn ? fn(a...) : throw_missing_kernel(op); }
};

struct Kernels {
  // elementwise: y is broadcast from the inputs, whatever their strides and dtypes
  Kernel<Unary, In, Out> unary{"unary"};
  Kernel<Unary, In, In, Out> unary_backward{"unary_backward"};  // kept (x or y, see elementwise.h), dy, dx
  Kernel<Curve, CurveParameters, In, Out> curve{"curve"};
  Kernel<Curve, CurveParameters, In, In, Out> curve_backward{"curve_backward"};           // x, dy, dx
  Kernel<PointLoss, double, In, In, Out> point_loss{"point_loss"};                        // x, target, y
  Kernel<PointLoss, double, In, In, In, Out> point_loss_backward{"point_loss_backward"};  // x, target, dy, dx
  Kernel<Binary, In, In, Out> binary{"binary"};
  Kernel<Binary, In, Scalar, Out> binary_scalar{"binary_scalar"};  // x op s
  Kernel<Binary, Scalar, In, Out> scalar_binary{"scalar_binary"};  // s op x
  Kernel<Compare, In, In, Out> compare{"compare"};
  Kernel<Compare, In, Scalar, Out> compare_scalar{"compare_scalar"};
  Kernel<In, In, In, Out> where{"where"};  // condition, x, y, out
  Kernel<In, Scalar, Scalar, Out> clamp{"clamp"};
  Kernel<In, In, Scalar, Scalar, Out> clamp_backward{"clamp_backward"};  // x, dy, lo, hi, dx
  Kernel<In, In, Scalar, Out> axpy{"axpy"};                              // y = a + s b
  Kernel<In, Out> copy{"copy"};                                          // any strides, any dtypes
  Kernel<Scalar, Out> fill{"fill"};
  Kernel<Scalar, Scalar, Out> arange{"arange"};      // start, step: y_i = start + i step
  Kernel<double, double, Out> linspace{"linspace"};  // start, end

  // random: y is contiguous
  Kernel<Out, double, double, Generator&> uniform{"uniform"};    // from, to
  Kernel<Out, double, double, Generator&> normal{"normal"};      // mean, standard deviation
  Kernel<Out, int64_t, int64_t, Generator&> randint{"randint"};  // low, high
  Kernel<Out, Generator&> randperm{"randperm"};
  Kernel<In, double, uint64_t, uint64_t, Out> dropout{"dropout"};  // x, p, seed, offset, y: of x's strides

  // reductions: y has size 1 where `dims` are reduced
  Kernel<Reduce, In, DimSet, Out> reduce{"reduce"};
  Kernel<Extremum, In, int, Out, Out> extremum{"extremum"};  // values and first indices along one dim

  // order, and running sums and products, along one dim
  Kernel<In, int, bool, Out, Out> sort{"sort"};               // x, dim, descending, values or none, indices
  Kernel<In, int, bool, bool, Out, Out> topk{"topk"};         // x, dim, largest, sorted, values, indices
  Kernel<In, int, bool, Out> cumsum{"cumsum"};                // x, dim, from the end, y
  Kernel<In, int, Out> cumprod{"cumprod"};                    // x, dim, y
  Kernel<In, In, int, bool, Out> linear_scan{"linear_scan"};  // a, b, dim, from the end, y

  // softmax family, along one dim
  Kernel<In, int, Out> softmax{"softmax"};
  Kernel<In, In, int, Out> softmax_backward{"softmax_backward"};  // y, dy, dx
  Kernel<In, int, Out> log_softmax{"log_softmax"};
  Kernel<In, In, int, Out> log_softmax_backward{"log_softmax_backward"};  // y, dy, dx

  // normalisation and losses: row-major operands of one dtype, float32 or float64 (see backend/cpu/norm.h,
  // loss.h)
  Kernel<In, In, In, double, double, Out, Out, Out, Out, Out> batch_norm{
      "batch_norm"};  // x, weight, bias, momentum, eps, running mean and var, y, mean, rstd
  Kernel<In, In, In, In, In, double, Out, Out> batch_norm_eval{
      "batch_norm_eval"};  // x, mean, var, weight, bias, eps, y, rstd
  Kernel<In, In, In, In, In, bool, Out, Out, Out> batch_norm_backward{
      "batch_norm_backward"};  // x, dy, weight, mean, rstd, training, dx, dweight, dbias
  Kernel<In, In, In, int64_t, double, Out, Out, Out> group_norm{
      "group_norm"};  // x (n, c, l), weight, bias, groups, eps, y, mean, rstd (n groups), float64
  Kernel<In, In, In, In, In, int64_t, Out, Out, Out> group_norm_backward{
      "group_norm_backward"};  // x, dy, weight, mean, rstd, groups, dx, dweight, dbias
  Kernel<In, In, In, double, Out, Out, Out> layer_norm{
      "layer_norm"};  // x (m, n), weight, bias, eps, y, mean (m), rstd (m)
  Kernel<In, In, In, In, In, Out, Out, Out> layer_norm_backward{
      "layer_norm_backward"};                             // x, dy, weight, mean, rstd, dx, dweight, dbias
  Kernel<In, In, double, Out, Out> rms_norm{"rms_norm"};  // x (m, n), weight, eps, y, rstd (m)
  Kernel<In, In, In, In, Out, Out> rms_norm_backward{
      "rms_norm_backward"};                                   // x, dy, weight, rstd, dx, dweight
  Kernel<In, int64_t, int64_t> check_target{"check_target"};  // target, classes, ignored
  Kernel<In, In, In, CrossEntropyRule, Out, Out, Out> cross_entropy{
      "cross_entropy"};  // x, target, weight, loss, statistics, total weight
  Kernel<In, In, In, CrossEntropyRule, In, In, In, Out> cross_entropy_backward{
      "cross_entropy_backward"};  // x, target, weight, statistics, total weight, dy, dx

  // indices
  Kernel<const char*, In, int64_t, int64_t> check_index{
      "check_index"};  // op, index, low, high: every index in [low, high), else IndexError
  Kernel<In, int, In, Out> index_select{"index_select"};
  Kernel<Out, int, In, In, Scalar> index_add{"index_add"};  // y[index] += s x, along dim
  Kernel<In, int, In, Out> gather{"gather"};
  Kernel<Out, int, In, In> scatter{"scatter"};          // y[.., index, ..] = x
  Kernel<Out, int, In, In> scatter_add{"scatter_add"};  // y[.., index, ..] += x

  // products
  Kernel<In, In, Out> matmul{"matmul"};                  // (batch..., m, k) x (batch..., k, n), equal batches
  Kernel<In, In, In, Activation, Out> linear{"linear"};  // (m, k), (n, k), bias (n) or none: act(x w^T + b)

  // recurrence over a sequence: float32, also beside bfloat16 weights, or float64 (backend/cpu/lstm.h)
  Kernel<In, In, In, bool, Out, Out, Out> lstm{
      "lstm"};  // weight_hh, h0, c0, reverse, gates (sums of the input; then the gates), c, h
  Kernel<In, In, In, In, In, In, In, bool, Out, Out, Out, Out> lstm_backward{
      "lstm_backward"};  // weight_hh, c0, gates, c, dh, dh_n, dc_n, reverse, dsums, dh0, dc0, dbias

  // convolution and pooling of images (n, c, h, w), each row-major or channels-last; see backend/cpu/conv.h
  // and pool.h
  Kernel<In, In, In, ConvRule, Out> conv2d{"conv2d"};                                   // x, w, bias, y
  Kernel<In, In, ConvRule, Out> conv2d_backward_input{"conv2d_backward_input"};         // dy, w, dx
  Kernel<In, In, ConvRule, Out, Out> conv2d_backward_weight{"conv2d_backward_weight"};  // x, dy, dw, db
  Kernel<In, MaxPoolRule, Out, Out> max_pool2d{"max_pool2d"};                           // x, y, index
  Kernel<In, In, MaxPoolRule, Out> max_pool2d_scatter{"max_pool2d_scatter"};            // dy, index, dx
  Kernel<In, In, MaxPoolRule, Out> max_pool2d_gather{"max_pool2d_gather"};              // x, index, y
  Kernel<In, AvgPoolRule, Out> avg_pool2d{"avg_pool2d"};                                // x, y
  Kernel<In, AvgPoolRule, Out> avg_pool2d_backward{"avg_pool2d_backward"};              // dy, dx

  // optimiser steps of many leaves, in one pass over their memory
  Kernel<std::span<const SGDSlot>> sgd{"sgd"};
  Kernel<std::span<const AdamSlot>> adam{"adam"};
  Kernel<std::span<const RMSpropSlot>> rmsprop{"rmsprop"};
  // hyperbolic: rows of x, y, v (those that the map takes), c = -curvature and s as float64 and numbers a
  // row, all expanded to the same leading shape, unit stride inside a row; outputs are contiguous. kept (2,
  // rows), float64, or undefined: what a radial map's backward would compute again, if dx alone is asked for
  Kernel<HyperbolicMap, In, In, In, In, In, Out, Out> hyperbolic{"hyperbolic"};  // x, y, v, c, s, z, kept
  // x, y, v, c, s, kept, dz, then dx, dy, dv, dc, ds: undefined where nobody asks
  Kernel<HyperbolicMap, In, In, In, In, In, In, In, Out, Out, Out, Out, Out> hyperbolic_backward{
      "hyperbolic_backward"};
  Kernel<In, In, double, Out> hyperbolic_cdist{"hyperbolic_cdist"};  // x (n, d), y (m, d), c, z (n, m)
  Kernel<In, In, double, In, Out, Out, Out> hyperbolic_cdist_backward{
      "hyperbolic_cdist_backward"};  // x, y, c, dz, dx, dy, dc (n)
  // x (n, d), z (k, d), r (k), c, y (n, k), and p (n, k), float64, or undefined: <x, z>, for backward
  Kernel<In, In, In, double, Out, Out> hyperbolic_mlr{"hyperbolic_mlr"};
  Kernel<In, In, In, double, In, In, Out, Out, Out, Out> hyperbolic_mlr_backward{
      "hyperbolic_mlr_backward"};  // x, z, r, c, p, dy, dx, dz, dr, dc (1); dy and r contiguous
  // m (h, d) contiguous, x (..., d), c (..., 1) as float64, z (..., h); and m, x, c, dz, dm, dx, dc, rows as
  // for hyperbolic
  Kernel<In, In, In, Out> hyperbolic_matvec{"hyperbolic_matvec"};
  Kernel<In, In, In, In, Out, Out, Out> hyperbolic_matvec_backward{"hyperbolic_matvec_backward"};
  Kernel<In, In, In, Out> hyperbolic_midpoint{
      "hyperbolic_midpoint"};  // x (g, n, d), w (g, n), c (g), m (g, d)
  Kernel<In, In, In, In, Out, Out, Out> hyperbolic_midpoint_backward{
      "hyperbolic_midpoint_backward"};  // x, w, c, dm, dx, dw, dc (g)
  Kernel<BallStep, Out, In, Out, Out> ball_step{
      "ball_step"};  // w (n, d), g (n, d), m (n, d) or none, v (n) or none: contiguous, of one dtype

  // gradients: y *= factor, and found (0-dim bool) becomes true if an element of y is not finite then
  Kernel<Out, double, Out> unscale{"unscale"};
};

/// The kernels of a device.
const Kernels& kernels(Device device);

}  // namespace st
