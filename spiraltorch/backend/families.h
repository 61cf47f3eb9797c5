// The families of elementwise functions and reductions that one kernel slot serves, and rules that kernels
// are given.
#pragma once

#include <array>
#include <cstdint>

namespace [[gnu::visibility("default")]] st {

enum class Unary {
  neg,
  abs,
  sign,
  exp,
  log,
  log1p,
  expm1,
  sqrt,
  tanh,
  sigmoid,
  relu,
  sin,
  cos,
  erf,
  logical_not,
  asinh,
  floor,
  ceil,
  round,  // half to even
  trunc,
  rsqrt
};
enum class Binary { add, sub, mul, div, pow, maximum, minimum };
enum class Compare { eq, ne, lt, le, gt, ge, logical_and, logical_or, logical_xor };
enum class Reduce { sum, mean, prod, max, min, any, all };
enum class Extremum { max, min };

/// Activations that have a parameter, or a gradient that no kept output gives; their parameters a and b.
enum class Curve {
  leaky_relu,  // slope
  elu,         // alpha
  gelu,
  gelu_tanh,
  silu,
  softplus,  // beta, threshold
  hardswish,
  logsigmoid
};
struct CurveParameters {
  double a = 0, b = 0;
};

/// Losses of one element and its target.
enum class PointLoss {
  l1,
  smooth_l1,  // beta
  binary_cross_entropy,
  binary_cross_entropy_with_logits,
  kl_div,
  kl_div_log  // of a target that is a logarithm
};

/// An activation that a product applies to its result in the same pass.
enum class Activation { none, relu, tanh, sigmoid };

/// How cross entropy counts its targets. `mean`: the sum is divided by the total weight.
struct CrossEntropyRule {
  int64_t ignore_index;
  double label_smoothing;
  bool mean;
};

/// How the kernel of a convolution moves: height and width each; in one dimension the height is 1.
struct ConvRule {
  std::array<int64_t, 2> stride, before, after, dilation;  // before, after: zeros around the image
  int64_t groups;
};

/// How the window of a maximum moves, height and width each. What lies outside of the image is left out.
struct MaxPoolRule {
  std::array<int64_t, 2> kernel, stride, padding, dilation;
};

/// Which windows are averaged, height and width each, and what their sums are divided by.
struct AvgPoolRule {
  std::array<int64_t, 2> kernel, stride, padding;
  bool adaptive;           // window o of `out` is [floor(o in / out), ceil((o + 1) in / out))
  bool count_include_pad;  // padding counts as elements
  int64_t divisor;         // 0: the number of elements
};

/// The maps of the Poincaré ball that work row by row, with their arguments (ops: geometry/ball.h).
enum class HyperbolicMap {
  mobius_add,         // x, y
  mobius_scalar_mul,  // x, s
  expmap,             // x, v
  logmap,             // x, y
  expmap0,            // v
  logmap0,            // y
  dist,               // x, y: a number a row
  dist0,              // x: a number a row
  transport,          // x, y, v
  transport0,         // y, v: from the origin to y
  transport0_back,    // x, v: from x to the origin
  lambda_x,           // x: a number a row
  inner,              // x, u, v: a number a row
  egrad2rgrad,        // x, gradient
  project             // x
};

/// The rule of an optimiser's step: the gradient itself, its momentum, or Adam's.
enum class StepRule { plain, momentum, adam };

/// One Riemannian step of points w, rows of the ball of curvature -c, with the gradient g:
///   g_R = A^2 / 4 (sign g + decay w);   m <- keep m + gain g_R (plain: m = g_R, not stored);
///   adam: v <- beta2 v + (1 - beta2) |g_R|_w^2 / parts, one number a row;
///   s = -lr m, for adam divided by (correction sqrt v + eps);
///   w <- exp_w(s) (geodesic) or project(w + s); m is transported to the new point.
struct BallStep {
  StepRule rule = StepRule::plain;
  bool geodesic = true;
  double c = 1, lr = 0, sign = 1, decay = 0, keep = 0, gain = 1;
  double beta2 = 0, parts = 1, correction = 1, eps = 0;
};

}  // namespace st
