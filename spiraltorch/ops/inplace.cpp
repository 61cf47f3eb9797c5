// Writes: what each refuses stands in prepare and check_category.
#include "spiraltorch/ops/inplace.h"

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/promotion.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

// A result of type `result` may be stored in x unless it would lose its category: 2.5 in an integer tensor.
void check_category(const char* op, const Tensor& x, DType result) {
  const auto category = [](DType d) { return d == DType::bool_ ? 0 : is_floating(d) ? 2 : 1; };
  check<DTypeError>(category(result) <= category(x.dtype()),
                    "{}: the result is {} and cannot be stored in {} {} tensor", op, result,
                    x.dtype() == DType::int64 || x.dtype() == DType::int32 ? "an" : "a", x.dtype());
}

void check_target(const char* op, const Tensor& x) {
  check_writable(op, x);
  check_not_expanded(op, x);
}

// Refuses a y that does not broadcast to x, and copies one that overlaps x elsewhere: the loop would read
// what it has already written.
Tensor prepare(const char* op, const Tensor& x, const Tensor& y) {
  check_operands(op, {{"x", x}, {"y", y}});
  check_target(op, x);
  check_unrecorded(op, y);  // its gradient would be lost
  check<ShapeError>(broadcast_shapes(op, x.shape(), y.shape()) == x.shape(),
                    "{}: y of shape {} does not broadcast to x of shape {}, which cannot grow", op, y.shape(),
                    x.shape());
  const bool same_elements = y.storage_offset() == x.storage_offset() && y.strides() == x.strides() &&
                             y.shape() == x.shape() && y.dtype() == x.dtype();
  return y.storage() != x.storage() || same_elements ? y : clone(y.detach());
}

const Tensor& write(const char* op, Binary binary, const Tensor& x, const Tensor& y) {
  const Tensor source = prepare(op, x, y);
  check_category(op, x, binary == Binary::div ? floating_dtype(result_dtype(x, y)) : result_dtype(x, y));
  kernels(x.device()).binary(binary, x.in(), source.in(), x.out());
  return x;
}

const Tensor& write(const char* op, Binary binary, const Tensor& x, Scalar y) {
  check_operands(op, {{"x", x}});
  check_target(op, x);
  const DType result = promote(x.dtype(), y);
  check_category(op, x, binary == Binary::div ? floating_dtype(result) : result);
  kernels(x.device()).binary_scalar(binary, x.in(), y, x.out());
  return x;
}

const Tensor& write_multiple(const char* op, const Tensor& x, const Tensor& y, Scalar alpha) {
  const Tensor source = prepare(op, x, y);
  check_category(op, x, promote(result_dtype(x, y), alpha));
  kernels(x.device()).axpy(x.in(), source.in(), alpha, x.out());
  return x;
}

}  // namespace

void check_not_expanded(const char* op, const Tensor& x) {
  for (int d = 0; d < x.dim(); ++d) {
    check<ValueError>(x.shape()[d] <= 1 || x.strides()[d] != 0,
                      "{}: several places of x {} with strides {} are one element; clone() it first", op,
                      x.shape(), x.strides());
  }
}

const Tensor& add_(const Tensor& x, const Tensor& y, Scalar alpha) {
  check_operands("add_", {{"x", x}, {"y", y}});
  check_alpha("add_", result_dtype(x, y), alpha);
  return alpha.to_double() == 1 ? write("add_", Binary::add, x, y) : write_multiple("add_", x, y, alpha);
}

const Tensor& sub_(const Tensor& x, const Tensor& y, Scalar alpha) {
  check_operands("sub_", {{"x", x}, {"y", y}});
  refuse_bool("sub_", x.dtype() == DType::bool_ || y.dtype() == DType::bool_);
  check_alpha("sub_", result_dtype(x, y), alpha);
  if (alpha.to_double() == 1) return write("sub_", Binary::sub, x, y);
  return write_multiple("sub_", x, y, negated(alpha));
}

const Tensor& mul_(const Tensor& x, const Tensor& y) { return write("mul_", Binary::mul, x, y); }
const Tensor& div_(const Tensor& x, const Tensor& y) { return write("div_", Binary::div, x, y); }
const Tensor& add_(const Tensor& x, Scalar y) { return write("add_", Binary::add, x, y); }
const Tensor& sub_(const Tensor& x, Scalar y) {
  check_operands("sub_", {{"x", x}});
  refuse_bool("sub_", x.dtype() == DType::bool_ || y.is_bool());
  return write("sub_", Binary::sub, x, y);
}
const Tensor& mul_(const Tensor& x, Scalar y) { return write("mul_", Binary::mul, x, y); }
const Tensor& div_(const Tensor& x, Scalar y) { return write("div_", Binary::div, x, y); }

const Tensor& clamp_(const Tensor& x, std::optional<Scalar> min, std::optional<Scalar> max) {
  check_operands("clamp_", {{"x", x}});
  check_target("clamp_", x);
  check<ValueError>(min || max, "clamp_: at least one of min and max must be given");
  check_category("clamp_", x, promote(promote(x.dtype(), min.value_or(0)), max.value_or(0)));
  const auto [lo, hi] = clamp_bounds(x.dtype(), min, max);
  kernels(x.device()).clamp(x.in(), lo, hi, x.out());
  return x;
}

Tensor& rebind(Tensor& x, const char* op, Tensor value) {
  check<ValueError>(
      !(x.requires_grad() && x.is_leaf()),
      "{}: the tensor is a leaf that requires a gradient, and rebinding the handle would lose it; write its "
      "elements with add_, sub_, mul_ or div_ under a NoGradGuard",
      op);
  return x = std::move(value);
}

}  // namespace st
