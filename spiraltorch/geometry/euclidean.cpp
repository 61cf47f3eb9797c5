// Flat space: every map is an op or two, so that optimisers need no second path for it.
#include "spiraltorch/geometry/euclidean.h"

#include <cmath>

#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/tensor/operands.h"

namespace st {

Tensor Euclidean::egrad2rgrad(const Tensor& x, const Tensor& gradient) const {
  check_operands("egrad2rgrad", {{"x", x}, {"gradient", gradient}});
  return gradient;
}

Tensor Euclidean::expmap(const Tensor& x, const Tensor& v) const {
  check_operands("expmap", {{"x", x}, {"v", v}});
  return x + v;
}

Tensor Euclidean::logmap(const Tensor& x, const Tensor& y) const {
  check_operands("logmap", {{"x", x}, {"y", y}});
  return y - x;
}

Tensor Euclidean::retract(const Tensor& x, const Tensor& v) const {
  check_operands("retract", {{"x", x}, {"v", v}});
  return x + v;
}

Tensor Euclidean::transport(const Tensor& x, const Tensor& y, const Tensor& v) const {
  check_operands("transport", {{"x", x}, {"y", y}, {"v", v}});
  return v;
}

Tensor Euclidean::inner(const Tensor& x, const Tensor& u, const Tensor& v, KeepDim keep) const {
  check_operands("inner", {{"x", x}, {"u", u}, {"v", v}});
  return sum(u * v, -1, keep);
}

Tensor Euclidean::component_inner(const Tensor& x, const Tensor& u) const {
  check_operands("component_inner", {{"x", x}, {"u", u}});
  return u * u;
}

Tensor Euclidean::dist(const Tensor& x, const Tensor& y, KeepDim keep) const {
  check_operands("dist", {{"x", x}, {"y", y}});
  const Tensor w = x - y, square = sum(w * w, -1, keep);
  const Tensor equal = square == 0;
  return where(equal, 0.0, sqrt(where(equal, 1.0, square)));  // sqrt has no gradient at 0
}

Tensor Euclidean::random(const Shape& shape, double std, DType dtype) const {
  check<ValueError>(std > 0 && std::isfinite(std), "random: std is {}, expected a positive number", std);
  check<ShapeError>(!shape.empty(), "random: a point is a row, but the shape is {}", shape);
  return randn(shape, dtype) * (std / std::sqrt(static_cast<double>(shape.back())));
}

void Euclidean::check_point(const Tensor& x) const {
  check_operands("check_point", {{"x", x}});
  check<ShapeError>(x.dim() >= 1, "check_point: a point is a row, but a tensor of shape {} has none",
                    x.shape());
  const int64_t width = x.size(-1);
  const std::vector<double> values = x.detach().to_vector<double>();
  for (size_t i = 0; i < values.size(); ++i) {
    check<ValueError>(std::isfinite(values[i]), "check_point: row {} of x {} holds {}",
                      static_cast<int64_t>(i) / width, x.shape(), values[i]);
  }
}

}  // namespace st
