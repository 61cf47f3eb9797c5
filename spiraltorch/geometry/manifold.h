// Manifold: the geometry that a parameter or a layer lives in. Names and meaning are geoopt's, so that an
// optimiser is written once: on Euclidean it is the flat one.
#pragma once

#include <string_view>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// Points are rows, the last dimension; leading dimensions broadcast. A manifold is a value without state:
/// parameters share one through shared_ptr<const Manifold>. docs/adding_a_manifold.md says how to write one.
class Manifold {
 public:
  virtual ~Manifold() = default;

  /// "euclidean", "poincare_ball": what a checkpoint records.
  virtual std::string_view name() const = 0;
  /// The signed sectional curvature.
  virtual double curvature() const = 0;

  /// The nearest storable point to x.
  virtual Tensor projx(const Tensor& x) const = 0;
  /// The Riemannian gradient at x from the Euclidean one.
  virtual Tensor egrad2rgrad(const Tensor& x, const Tensor& gradient) const = 0;
  /// Where the geodesic from x with velocity v is at time 1.
  virtual Tensor expmap(const Tensor& x, const Tensor& v) const = 0;
  /// The velocity at x that leads to y at time 1.
  virtual Tensor logmap(const Tensor& x, const Tensor& y) const = 0;
  /// A cheap first-order stand-in for expmap; a point.
  virtual Tensor retract(const Tensor& x, const Tensor& v) const = 0;
  /// The tangent vector v at x, carried along the geodesic to y.
  virtual Tensor transport(const Tensor& x, const Tensor& y, const Tensor& v) const = 0;
  /// The inner product <u, v>_x: (...), with keepdim (..., 1).
  virtual Tensor inner(const Tensor& x, const Tensor& u, const Tensor& v, KeepDim keep = false) const = 0;
  /// |u|_x^2 in the parts an adaptive optimiser keeps second moments of: element by element where the metric
  /// is a product of lines, else one number a point, (..., 1).
  virtual Tensor component_inner(const Tensor& x, const Tensor& u) const = 0;
  /// The geodesic distance: (...), with keepdim (..., 1).
  virtual Tensor dist(const Tensor& x, const Tensor& y, KeepDim keep = false) const = 0;
  /// Random points of this shape: tangent vectors at the origin whose length is about `std`, through expmap.
  virtual Tensor random(const Shape& shape, double std = 1.0, DType dtype = DType::float32) const = 0;
  /// Throws ValueError naming the first row of x that is no point.
  virtual void check_point(const Tensor& x) const = 0;
};

}  // namespace st
