// Comparisons, logic, and what is made of them.
#include "spiraltorch/ops/compare.h"

#include <limits>

#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/promotion.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

Tensor compare(const char* name, Compare op, const Tensor& x, const Tensor& y) {
  check_operands(name, {{"x", x}, {"y", y}});
  // A 0-dim side is compared in the other's type where that has the higher category, as in arithmetic.
  const DType dtype = result_dtype(x, y);
  Tensor z = empty_broadcast(name, x, y, DType::bool_);
  const bool same = promote(x.dtype(), y.dtype()) == dtype;
  kernels(z.device())
      .compare(op, same ? x.in() : x.to(dtype).in(), same ? y.in() : y.to(dtype).in(), z.out());
  return z;
}

Tensor compare(const char* name, Compare op, const Tensor& x, Scalar y) {
  check_operands(name, {{"x", x}});
  Tensor z = empty_like(x, DType::bool_);
  kernels(x.device()).compare_scalar(op, x.in(), rounded(y, promote(x.dtype(), y)), z.out());
  return z;
}

}  // namespace

Tensor eq(const Tensor& x, const Tensor& y) { return compare("eq", Compare::eq, x, y); }
Tensor ne(const Tensor& x, const Tensor& y) { return compare("ne", Compare::ne, x, y); }
Tensor lt(const Tensor& x, const Tensor& y) { return compare("lt", Compare::lt, x, y); }
Tensor le(const Tensor& x, const Tensor& y) { return compare("le", Compare::le, x, y); }
Tensor gt(const Tensor& x, const Tensor& y) { return compare("gt", Compare::gt, x, y); }
Tensor ge(const Tensor& x, const Tensor& y) { return compare("ge", Compare::ge, x, y); }
Tensor eq(const Tensor& x, Scalar y) { return compare("eq", Compare::eq, x, y); }
Tensor ne(const Tensor& x, Scalar y) { return compare("ne", Compare::ne, x, y); }
Tensor lt(const Tensor& x, Scalar y) { return compare("lt", Compare::lt, x, y); }
Tensor le(const Tensor& x, Scalar y) { return compare("le", Compare::le, x, y); }
Tensor gt(const Tensor& x, Scalar y) { return compare("gt", Compare::gt, x, y); }
Tensor ge(const Tensor& x, Scalar y) { return compare("ge", Compare::ge, x, y); }

Tensor logical_not(const Tensor& x) {
  check_operands("logical_not", {{"x", x}});
  Tensor y = empty_like(x, DType::bool_);
  kernels(x.device()).unary(Unary::logical_not, x.in(), y.out());
  return y;
}

Tensor logical_and(const Tensor& x, const Tensor& y) {
  return compare("logical_and", Compare::logical_and, x, y);
}
Tensor logical_or(const Tensor& x, const Tensor& y) {
  return compare("logical_or", Compare::logical_or, x, y);
}
Tensor logical_xor(const Tensor& x, const Tensor& y) {
  return compare("logical_xor", Compare::logical_xor, x, y);
}

namespace {

// The operators are for masks alone; `function` takes every dtype.
void check_mask(const char* op, const char* name, const Tensor& x, const char* function) {
  check<DTypeError>(x.dtype() == DType::bool_,
                    "{}: {} is {}, expected bool: the operator joins masks, not bits; {} takes any dtype", op,
                    name, x.dtype(), function);
}

Tensor join_masks(const char* op, Compare family, const Tensor& x, const Tensor& y, const char* function) {
  check_operands(op, {{"x", x}, {"y", y}});
  check_mask(op, "x", x, function);
  check_mask(op, "y", y, function);
  return compare(op, family, x, y);
}

}  // namespace

Tensor operator&(const Tensor& x, const Tensor& y) {
  return join_masks("operator&", Compare::logical_and, x, y, "logical_and");
}
Tensor operator|(const Tensor& x, const Tensor& y) {
  return join_masks("operator|", Compare::logical_or, x, y, "logical_or");
}
Tensor operator^(const Tensor& x, const Tensor& y) {
  return join_masks("operator^", Compare::logical_xor, x, y, "logical_xor");
}
Tensor operator~(const Tensor& x) {
  check_operands("operator~", {{"x", x}});
  check_mask("operator~", "x", x, "logical_not");
  return logical_not(x);
}

Tensor isnan(const Tensor& x) { return compare("isnan", Compare::ne, x, x); }

Tensor isfinite(const Tensor& x) {
  check_operands("isfinite", {{"x", x}});
  // |x| < inf is false for NaN too; integers are finite.
  return is_floating(x.dtype()) ? lt(abs(x.detach()), std::numeric_limits<double>::infinity()) : eq(x, x);
}

Tensor isinf(const Tensor& x) {
  check_operands("isinf", {{"x", x}});
  // Integers are finite: none differs from itself.
  return is_floating(x.dtype()) ? eq(abs(x.detach()), std::numeric_limits<double>::infinity()) : ne(x, x);
}

bool equal(const Tensor& x, const Tensor& y) {
  check_operands("equal", {{"x", x}, {"y", y}});
  return x.shape() == y.shape() && x.dtype() == y.dtype() && all(eq(x, y)).item<bool>();
}

bool allclose(const Tensor& x, const Tensor& y, const CloseOptions& options) {
  check_operands("allclose", {{"x", x}, {"y", y}});
  broadcast_shapes("allclose", x.shape(), y.shape());
  check<DTypeError>(x.dtype() == y.dtype(), "allclose: the dtypes {} and {} differ", x.dtype(), y.dtype());
  const NoGradGuard no_grad;
  const DType wide = is_floating(x.dtype()) ? x.dtype() : DType::float64;
  const Tensor a = x.to(wide), b = y.to(wide);
  // |a - b| is NaN where both are the same infinity: equal elements are close whatever the difference says.
  const Tensor near = mul(le(abs(a - b), abs(b) * options.rtol + options.atol), isfinite(b));
  Tensor close = add(near, eq(a, b));
  if (options.equal_nan) close = add(close, mul(isnan(a), isnan(b)));
  return all(close).item<bool>();
}

}  // namespace st
