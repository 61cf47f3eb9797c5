// Parameter and Buffer as values.
#include "spiraltorch/nn/parameter.h"

#include "spiraltorch/autograd/meta.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/geometry/manifold.h"
#include "spiraltorch/nn/points.h"
#include "spiraltorch/ops/inplace.h"
#include "spiraltorch/tensor/operands.h"

namespace st::nn {
namespace {

// A leaf of its own with other's values, requires_grad and manifold.
Tensor copy_of(const Tensor& other) {
  if (!other.defined()) return {};
  const NoGradGuard guard;
  Tensor copy = other.clone();
  if (const AutogradMeta* meta = other.handle()->autograd.get()) {
    autograd_meta(copy).requires_grad = meta->requires_grad;
    autograd_meta(copy).manifold = meta->manifold;
  }
  return copy;
}

// Throws ValueError where rows of x are no points, with what to do about it.
void check_points(const Manifold& manifold, const Tensor& x) {
  try {
    manifold.check_point(x);
  } catch (const ValueError& error) {
    std::string text = error.what();
    const std::string own = "check_point: ";
    if (text.starts_with(own)) text.erase(0, own.size());
    fail<ValueError>(
        "set_manifold: {}; bring the values onto the manifold first: Parameter(manifold->projx(values))",
        text);
  }
}

}  // namespace

std::shared_ptr<const Manifold> manifold_of(const Tensor& x) {
  const AutogradMeta* meta = x.defined() ? x.handle()->autograd.get() : nullptr;
  return meta ? meta->manifold : nullptr;
}

std::string geometry_of(const Tensor& x) {
  const auto manifold = manifold_of(x);
  if (!manifold) return "euclidean";
  const std::string name(manifold->name());
  return manifold->curvature() == 0 ? name : name + " of curvature " + to_text(manifold->curvature());
}

Leaf::Leaf(const Leaf& other) : Tensor(copy_of(other)) {}

Leaf& Leaf::operator=(const Leaf& other) & {
  if (is_same(other)) return *this;
  if (!defined()) {
    Tensor::operator=(copy_of(other));
    return *this;
  }
  check<ValueError>(other.defined(),
                    "assignment: the parameter or buffer {} cannot be filled from an undefined one", shape());
  check<ShapeError>(shape() == other.shape(),
                    "assignment: values of shape {} do not fit the parameter or buffer {}", other.shape(),
                    shape());
  check<ValueError>(geometry_of(*this) == geometry_of(other),
                    "assignment: values on {} do not fit the parameter {} on {}", geometry_of(other), shape(),
                    geometry_of(*this));
  check_not_read_only("assignment", "the parameter or buffer", *this);
  check_not_expanded("assignment", *this);
  const NoGradGuard guard;
  copy_(points_in(other, dtype(), manifold_of(*this)));
  return *this;
}

Parameter::Parameter(const Tensor& value) : Leaf(value) {
  if (!defined()) return;
  check<DTypeError>(is_floating(dtype()), "Parameter: only floating-point tensors can be trained, this is {}",
                    dtype());
  requires_grad_();
}

void Parameter::set_manifold(std::shared_ptr<const Manifold> manifold) {
  check<ValueError>(defined(), "set_manifold: the parameter is undefined");
  if (manifold && manifold->curvature() != 0) {
    check<DTypeError>(dtype() == DType::float32 || dtype() == DType::float64,
                      "set_manifold: points are float32 or float64, the parameter {} is {}", shape(),
                      dtype());
    check_points(*manifold, *this);
  }
  autograd_meta(*this).manifold = std::move(manifold);
}

}  // namespace st::nn
