// The Poincaré ball as a Manifold. The maps themselves are functions (geometry/ball.h), which also take
// curvatures that are tensors.
#pragma once

#include "spiraltorch/geometry/ball.h"
#include "spiraltorch/geometry/manifold.h"

namespace [[gnu::visibility("default")]] st {

/// {x : c|x|^2 < 1} with the metric lambda_x^2 <u, v>, lambda_x = 2 / (1 - c|x|^2), c = -curvature. The
/// metric at the origin is 4 times the flat one. The constructor throws ValueError unless the curvature is
/// negative and finite. Source: geoopt.PoincareBall(c), which takes c; Nickel and Kiela 2017; Ganea et al.
/// 2018.
class PoincareBall final : public Manifold {
 public:
  explicit PoincareBall(double curvature = -1.0);

  std::string_view name() const override { return "poincare_ball"; }
  double curvature() const override { return curvature_; }
  /// geometry::project: points stay as they are, bit for bit; what is none comes to ball_gap(dtype). Differs
  /// from geoopt, whose margins are 4e-3 (float32) and 1e-5 (float64) of the radius.
  Tensor projx(const Tensor& x) const override;
  Tensor egrad2rgrad(const Tensor& x, const Tensor& gradient) const override;
  Tensor expmap(const Tensor& x, const Tensor& v) const override;
  Tensor logmap(const Tensor& x, const Tensor& y) const override;
  /// project(x + v)
  Tensor retract(const Tensor& x, const Tensor& v) const override;
  Tensor transport(const Tensor& x, const Tensor& y, const Tensor& v) const override;
  Tensor inner(const Tensor& x, const Tensor& u, const Tensor& v, KeepDim keep = false) const override;
  /// |u|_x^2: (..., 1).
  Tensor component_inner(const Tensor& x, const Tensor& u) const override;
  Tensor dist(const Tensor& x, const Tensor& y, KeepDim keep = false) const override;
  /// exp_0 of normal vectors with standard deviation std / sqrt(d): the distances from the origin are about
  /// 2 std.
  Tensor random(const Shape& shape, double std = 1.0, DType dtype = DType::float32) const override;
  /// A row is a point if its gap 1 - c|x|^2 is at least point_gap(dtype) (backend/ball.h): what projx leaves
  /// alone.
  void check_point(const Tensor& x) const override;

 private:
  double curvature_;
};

}  // namespace st
