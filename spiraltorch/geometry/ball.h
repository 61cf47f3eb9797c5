// The maps of the Poincaré ball {x : c|x|^2 < 1} of curvature k = -c < 0, as functions. Each is one fused
// kernel forward and one backward; gyration alone is composed of three of them.
//
// What holds for all of them:
// - A point is a row, the last dimension. float32 or float64 (DTypeError): half precision cannot hold points.
//   Inside, everything is float64. Leading dimensions broadcast and last dimensions must be equal
//   (ShapeError), but where a function says its shapes (mobius_matvec, cdist, weighted_midpoint, mlr).
// - Gradients flow to every tensor, the curvature among them; they are finite everywhere, also at equal
//   points, at the origin and on the boundary. They have no second derivative: create_graph is refused by
//   name.
// - A result that is a point has, before its coordinates are rounded, a gap 1 - c|x|^2 of at least
//   ball_gap(dtype) (backend/ball.h): its distance from the origin is at most 16.6 / sqrt c in float32 and
//   34.7 / sqrt c in float64. The gradient is that of
//   the formula without this limit (but for project). Nobody checks that arguments lie inside; a point on or
//   beyond the boundary counts as one just inside.
// Symbols: A = 1 - c|x|^2, B = 1 - c|y|^2, lambda_x = 2 / A. Sources and derivations: docs/geometry.md.
#pragma once

#include "spiraltorch/geometry/curvature.h"
#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {
namespace geometry {

// --- Möbius operations: results are points ---
/// x (+) y = (A (x + y) + c|x + y|^2 x) / (A B + c|x + y|^2).
Tensor mobius_add(const Tensor& x, const Tensor& y, const Curvature& k = -1.0);
/// r (*) x = tanh(r atanh(sqrt c |x|)) x / (sqrt c |x|): the point r times as far along the same geodesic
/// from the origin. r: a number, or a tensor of one element or with a last dimension of size 1.
Tensor mobius_scalar_mul(double r, const Tensor& x, const Curvature& k = -1.0);
Tensor mobius_scalar_mul(const Tensor& r, const Tensor& x, const Curvature& k = -1.0);
/// M (*) x = exp_0(M log_0(x)), the product in float64 whatever autocast says. M: (m, d), x: (..., d), result
/// (..., m).
Tensor mobius_matvec(const Tensor& m, const Tensor& x, const Curvature& k = -1.0);
/// gyr[a, b] v, the rotation by which Möbius addition fails to be associative: a (+) (b (+) v) =
/// (a (+) b) (+) gyr[a, b] v.
Tensor gyration(const Tensor& a, const Tensor& b, const Tensor& v, const Curvature& k = -1.0);

// --- exponential and logarithmic map ---
/// The point that the geodesic from x with velocity v reaches at time 1:
/// x (+) tanh(sqrt c |v| / A) v / (sqrt c |v|).
Tensor expmap(const Tensor& x, const Tensor& v, const Curvature& k = -1.0);
/// The inverse: the tangent vector at x that leads to y, of Riemannian length d(x, y):
/// (asinh(u) / (u sqrt(1 + u^2))) (A (y - x) - c|y - x|^2 x) / B with u^2 = c|y - x|^2 / (A B).
Tensor logmap(const Tensor& x, const Tensor& y, const Curvature& k = -1.0);
/// The same at the origin: tanh(z) v / z, z = sqrt c |v|.
Tensor expmap0(const Tensor& v, const Curvature& k = -1.0);
/// atanh(z) y / z, z = sqrt c |y|.
Tensor logmap0(const Tensor& y, const Curvature& k = -1.0);

// --- distances: (...) or with keepdim (..., 1) ---
/// d(x, y) = (2 / sqrt c) asinh(sqrt c |x - y| / sqrt(A B)); exactly 0 for equal points, where its gradient
/// is 0 too.
Tensor dist(const Tensor& x, const Tensor& y, const Curvature& k = -1.0, KeepDim keep = false);
/// d(0, x) = (2 / sqrt c) atanh(sqrt c |x|).
Tensor dist0(const Tensor& x, const Curvature& k = -1.0, KeepDim keep = false);
/// All pairs: x (n, d), y (m, d), result (n, m). The curvature is a number or a tensor of one element.
/// Without memory for the n m d differences; the gradient computes them again.
Tensor cdist(const Tensor& x, const Tensor& y, const Curvature& k = -1.0);

// --- the metric and parallel transport ---
/// The conformal factor 2 / A: (...) or with keepdim (..., 1).
Tensor lambda_x(const Tensor& x, const Curvature& k = -1.0, KeepDim keep = false);
/// <u, v>_x = lambda_x^2 <u, v>: (...) or with keepdim (..., 1).
Tensor inner(const Tensor& x, const Tensor& u, const Tensor& v, const Curvature& k = -1.0,
             KeepDim keep = false);
/// The Riemannian gradient from the Euclidean one: A^2 / 4 times it.
Tensor egrad2rgrad(const Tensor& x, const Tensor& gradient, const Curvature& k = -1.0);
/// Parallel transport of the tangent vector v along the geodesic from x to y, an isometry:
/// (lambda_x / lambda_y) gyr[y, -x] v.
Tensor transport(const Tensor& x, const Tensor& y, const Tensor& v, const Curvature& k = -1.0);
/// From the origin to y: B v.
Tensor transport0(const Tensor& y, const Tensor& v, const Curvature& k = -1.0);
/// Its inverse, from x to the origin: v / A.
Tensor transport0_back(const Tensor& x, const Tensor& v, const Curvature& k = -1.0);

// --- points ---
/// x itself, or, where its gap is below point_gap(dtype), the point with the gap ball_gap(dtype) on the same
/// radius. Its gradient is that of this map: beyond the limit nothing flows along the radius.
Tensor project(const Tensor& x, const Curvature& k = -1.0);
/// The weighted midpoint of n points: (1/2) (*) (sum_i w_i lambda_i x_i / sum_i |w_i| (lambda_i - 1)), the
/// Lorentz centroid. x: (..., n, d), weights: (..., n) or undefined for ones, result (..., d); all weights 0:
/// the origin. The curvature is a number or a tensor of one element or (..., 1).
Tensor weighted_midpoint(const Tensor& x, const Tensor& weights = {}, const Curvature& k = -1.0);

// --- classification ---
/// Hyperbolic multinomial logistic regression, unidirectional form: with lambda = 2 / A, z_k the k-th row of
/// weight and r_k the k-th bias,
///   logit_k = (2|z_k| / sqrt c) asinh(lambda <sqrt c x, z_k / |z_k|> cosh(2 sqrt c r_k) - (lambda - 1)
///   sinh(2 sqrt c r_k)),
/// 2|z_k| times the signed, metric-weighted distance of x from the geodesic plane with normal z_k at distance
/// 2 r_k from the origin. As the curvature goes to 0 it is 4 (<x, z_k> - r_k |z_k|). A row z_k = 0 gives 0.
/// x: (..., d), weight: (classes, d), bias: (classes), result (..., classes). The curvature is a number or a
/// tensor of one element. Source: Shimizu et al. 2021, equation 6.
Tensor mlr(const Tensor& x, const Tensor& weight, const Tensor& bias, const Curvature& k = -1.0);

}  // namespace geometry
}  // namespace st
