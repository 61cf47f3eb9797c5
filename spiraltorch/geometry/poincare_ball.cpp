// The ball as a Manifold: forwards to the functions of geometry/ball.h.
#include "spiraltorch/geometry/poincare_ball.h"

#include <cmath>

#include "spiraltorch/backend/ball.h"
#include "spiraltorch/geometry/euclidean.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/tensor/operands.h"

namespace st {

PoincareBall::PoincareBall(double curvature) : curvature_(curvature) {
  check<ValueError>(curvature < 0 && std::isfinite(curvature),
                    "PoincareBall: curvature is {}, expected a negative finite number", curvature);
}

Tensor PoincareBall::projx(const Tensor& x) const { return geometry::project(x, curvature_); }

Tensor PoincareBall::egrad2rgrad(const Tensor& x, const Tensor& gradient) const {
  return geometry::egrad2rgrad(x, gradient, curvature_);
}

Tensor PoincareBall::expmap(const Tensor& x, const Tensor& v) const {
  return geometry::expmap(x, v, curvature_);
}

Tensor PoincareBall::logmap(const Tensor& x, const Tensor& y) const {
  return geometry::logmap(x, y, curvature_);
}

Tensor PoincareBall::retract(const Tensor& x, const Tensor& v) const {
  check_operands("retract", {{"x", x}, {"v", v}});
  return geometry::project(x + v, curvature_);
}

Tensor PoincareBall::transport(const Tensor& x, const Tensor& y, const Tensor& v) const {
  return geometry::transport(x, y, v, curvature_);
}

Tensor PoincareBall::inner(const Tensor& x, const Tensor& u, const Tensor& v, KeepDim keep) const {
  return geometry::inner(x, u, v, curvature_, keep);
}

Tensor PoincareBall::component_inner(const Tensor& x, const Tensor& u) const {
  return geometry::inner(x, u, u, curvature_, keepdim);
}

Tensor PoincareBall::dist(const Tensor& x, const Tensor& y, KeepDim keep) const {
  return geometry::dist(x, y, curvature_, keep);
}

Tensor PoincareBall::random(const Shape& shape, double std, DType dtype) const {
  return geometry::expmap0(Euclidean().random(shape, std, dtype), curvature_);
}

void PoincareBall::check_point(const Tensor& x) const {
  check_operands("check_point", {{"x", x}});
  check<ShapeError>(x.dim() >= 1, "check_point: a point is a row, but a tensor of shape {} has none",
                    x.shape());
  const int64_t width = x.size(-1);
  const std::vector<double> values = x.detach().to_vector<double>();
  for (int64_t row = 0; row * width < x.numel(); ++row) {
    double square = 0;
    for (int64_t i = row * width; i < (row + 1) * width; ++i) {
      square += values[static_cast<size_t>(i)] * values[static_cast<size_t>(i)];
    }
    const double gap = 1 + curvature_ * square, least = point_gap(x.dtype());
    check<ValueError>(gap > 0,
                      "check_point: row {} of x {} has length {}, but the ball of curvature {} has radius {}",
                      row, x.shape(), std::sqrt(square), curvature_, 1 / std::sqrt(-curvature_));
    check<ValueError>(gap >= least,
                      "check_point: row {} of x {} lies nearer to the boundary than points of {} do: 1 - "
                      "c|x|^2 is {}, at least {} is needed",
                      row, x.shape(), x.dtype(), gap, least);
  }
}

}  // namespace st
