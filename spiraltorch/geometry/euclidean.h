// Flat space as a Manifold.
#pragma once

#include "spiraltorch/geometry/manifold.h"

namespace [[gnu::visibility("default")]] st {

/// R^d: expmap and retract are x + v, logmap is y - x, transport leaves v alone. Every element is a line of
/// its own: component_inner is u^2.
class Euclidean final : public Manifold {
 public:
  std::string_view name() const override { return "euclidean"; }
  double curvature() const override { return 0; }
  Tensor projx(const Tensor& x) const override { return x; }
  Tensor egrad2rgrad(const Tensor& x, const Tensor& gradient) const override;
  Tensor expmap(const Tensor& x, const Tensor& v) const override;
  Tensor logmap(const Tensor& x, const Tensor& y) const override;
  Tensor retract(const Tensor& x, const Tensor& v) const override;
  Tensor transport(const Tensor& x, const Tensor& y, const Tensor& v) const override;
  Tensor inner(const Tensor& x, const Tensor& u, const Tensor& v, KeepDim keep = false) const override;
  Tensor component_inner(const Tensor& x, const Tensor& u) const override;
  /// |x - y|; the gradient is 0 at equal points.
  Tensor dist(const Tensor& x, const Tensor& y, KeepDim keep = false) const override;
  /// Normal with standard deviation std / sqrt(d).
  Tensor random(const Shape& shape, double std = 1.0, DType dtype = DType::float32) const override;
  /// Every finite row is a point.
  void check_point(const Tensor& x) const override;
};

}  // namespace st
