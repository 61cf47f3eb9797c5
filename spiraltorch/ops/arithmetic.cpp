// Elementwise arithmetic of two tensors, or of a tensor and a number.
#include "spiraltorch/ops/arithmetic.h"

#include <cmath>

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/promotion.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
Tensor add(const Tensor& x, const Tensor& y, const AddOptions& options) {
  check_operands("add", {{"x", x}, {"y", y}});
  const Scalar alpha = options.alpha;
  const DType dtype = result_dtype(x, y);
  check_alpha("add", dtype, alpha);
  const Tensor z = empty_broadcast("add", x, y, dtype);
  const Kernels& k = kernels(z.device());
  if (alpha.to_double() == 1) {
    k.binary(Binary::add, x.in(), y.in(), z.out());
  } else {
    k.axpy(x.in(), y.in(), alpha, z.out());
  }
  return record("add", z, {x, y}, {}, [alpha](const Backward& b) -> Grads {
    const Tensor& dz = b.dy();
    return {dz, !b.needs(1) || alpha.to_double() == 1 ? dz : dz * alpha};
  });
}

namespace {

// x + factor y, for add (factor alpha) and sub (factor -alpha).
Tensor add_number(const char* op, const Tensor& x, Scalar y, Scalar factor) {
  check_operands(op, {{"x", x}});
  const DType dtype = promote(x.dtype(), y);
  check_alpha(op, dtype, factor);
  const Tensor z = empty_like(x, dtype);
  const Scalar term = is_floating(dtype) ? Scalar(y.to_double() * factor.to_double())
                                         : Scalar(wrap_mul(y.to_int64(), factor.to_int64()));
  kernels(x.device()).binary_scalar(Binary::add, x.in(), term, z.out());
  return record(op, z, {x}, {}, [](const Backward& b) -> Grads { return {b.dy()}; });
}

}  // namespace

Tensor add(const Tensor& x, Scalar y, const AddOptions& options) {
  return add_number("add", x, y, options.alpha);
}

Tensor sub(const Tensor& x, const Tensor& y, const AddOptions& options) {
  check_operands("sub", {{"x", x}, {"y", y}});
  const Scalar alpha = options.alpha;
  const DType dtype = result_dtype(x, y);
  refuse_bool("sub", x.dtype() == DType::bool_ || y.dtype() == DType::bool_);
  check_alpha("sub", dtype, alpha);
  const Tensor z = empty_broadcast("sub", x, y, dtype);
  const Kernels& k = kernels(z.device());
  if (alpha.to_double() == 1) {
    k.binary(Binary::sub, x.in(), y.in(), z.out());
  } else {
    k.axpy(x.in(), y.in(), negated(alpha), z.out());
  }
  return record("sub", z, {x, y}, {}, [alpha](const Backward& b) -> Grads {
    const Tensor& dz = b.dy();
    if (!b.needs(1)) return {dz, {}};
    return {dz, alpha.to_double() == 1 ? -dz : dz * negated(alpha)};
  });
}

Tensor sub(const Tensor& x, Scalar y, const AddOptions& options) {
  check_operands("sub", {{"x", x}});
  refuse_bool("sub", x.dtype() == DType::bool_ || y.is_bool());
  return add_number("sub", x, y, negated(options.alpha));
}

Tensor rsub(const Tensor& x, Scalar s) {
  check_operands("rsub", {{"x", x}});
  refuse_bool("rsub", x.dtype() == DType::bool_ || s.is_bool());
  const Tensor z = empty_like(x, promote(x.dtype(), s));
  kernels(x.device()).scalar_binary(Binary::sub, s, x.in(), z.out());
  return record("rsub", z, {x}, {}, [](const Backward& b) -> Grads { return {-b.dy()}; });
}

Tensor mul(const Tensor& x, const Tensor& y) {
  check_operands("mul", {{"x", x}, {"y", y}});
  const Tensor z = empty_broadcast("mul", x, y, result_dtype(x, y));
  kernels(z.device()).binary(Binary::mul, x.in(), y.in(), z.out());
  const Keep keep{keep_if(y.requires_grad(), x), keep_if(x.requires_grad(), y)};
  return record("mul", z, {x, y}, keep, [](const Backward& b) -> Grads {
    const Tensor& dz = b.dy();
    return {b.needs(0) ? dz * b.kept(1) : Tensor(), b.needs(1) ? dz * b.kept(0) : Tensor()};
  });
}

Tensor mul(const Tensor& x, Scalar y) {
  check_operands("mul", {{"x", x}});
  const Tensor z = empty_like(x, promote(x.dtype(), y));
  kernels(x.device()).binary_scalar(Binary::mul, x.in(), y, z.out());
  return record("mul", z, {x}, {}, [y](const Backward& b) -> Grads { return {b.dy() * y}; });
}

Tensor div(const Tensor& x, const Tensor& y) {
  check_operands("div", {{"x", x}, {"y", y}});
  const Tensor z = empty_broadcast("div", x, y, floating_dtype(result_dtype(x, y)));
  kernels(z.device()).binary(Binary::div, x.in(), y.in(), z.out());
  const bool any = x.requires_grad() || y.requires_grad();
  return record(
      "div", z, {x, y}, Keep{keep_if(y.requires_grad(), x), keep_if(any, y)}, [](const Backward& b) -> Grads {
        const Tensor y = b.kept(1), &dz = b.dy();
        // d(x / y)/dy = -(x / y) / y
        return {b.needs(0) ? dz / y : Tensor(), b.needs(1) ? -dz * ((b.kept(0) / y) / y) : Tensor()};
      });
}

Tensor div(const Tensor& x, Scalar y) {
  check_operands("div", {{"x", x}});
  const Tensor z = empty_like(x, floating_dtype(promote(x.dtype(), y)));
  kernels(x.device()).binary_scalar(Binary::div, x.in(), y, z.out());
  return record("div", z, {x}, {}, [y](const Backward& b) -> Grads { return {b.dy() / y}; });
}

Tensor reciprocal(const Tensor& x) {
  check_operands("reciprocal", {{"x", x}});
  const Tensor y = empty_like(x, floating_dtype(x.dtype()));
  kernels(x.device()).scalar_binary(Binary::div, 1, x.in(), y.out());
  return record("reciprocal", y, {x}, Keep{y}, [](const Backward& b) -> Grads {
    const Tensor y = b.kept(0);
    return {-b.dy() * (y * y)};
  });
}

Tensor pow(const Tensor& x, Scalar y) {
  check_operands("pow", {{"x", x}});
  const DType dtype = promote(x.dtype(), y);
  check<ValueError>(
      is_floating(dtype) || y.to_int64() >= 0,
      "pow: integers have no negative integer powers (exponent {}); convert x with to(DType::float32)", y);
  const Tensor z = empty_like(x, dtype);
  kernels(x.device()).binary_scalar(Binary::pow, x.in(), y, z.out());
  return record("pow", z, {x}, Keep{x}, [y](const Backward& b) -> Grads {
    const double e = y.to_double();
    if (e == 0) return {zeros_like(b.dy())};
    return {b.dy() * (pow(b.kept(0), e - 1) * e)};
  });
}

Tensor pow(const Tensor& x, const Tensor& y) {
  check_operands("pow", {{"x", x}, {"y", y}});
  const Tensor z = empty_broadcast("pow", x, y, result_dtype(x, y));
  kernels(z.device()).binary(Binary::pow, x.in(), y.in(), z.out());
  return record("pow", z, {x, y}, Keep{x, y, keep_if(y.requires_grad(), z)}, [](const Backward& b) -> Grads {
    const Tensor x = b.kept(0), y = b.kept(1), &dz = b.dy();
    Tensor dx, dy;
    if (b.needs(0)) dx = where(y == 0, 0.0, dz * (y * pow(x, y - 1)));
    if (b.needs(1))
      dy = dz *
           where(mul(x == 0, y >= 0), 0.0, b.kept(2) * log(x.to(dz.dtype())));  // 0^y is constant in y >= 0
    return {dx, dy};
  });
}

Tensor pow(Scalar x, const Tensor& y) {
  check_operands("pow", {{"y", y}});
  const Tensor z = empty_like(y, promote(y.dtype(), x));
  kernels(y.device()).scalar_binary(Binary::pow, x, y.in(), z.out());
  return record("pow", z, {y}, Keep{y, z}, [x](const Backward& b) -> Grads {
    const Tensor y = b.kept(0), &dz = b.dy();
    if (x.to_double() == 0) return {where(y >= 0, 0.0, dz * (b.kept(1) * std::log(x.to_double())))};
    return {dz * (b.kept(1) * std::log(x.to_double()))};
  });
}

namespace {

// The gradient goes to the side that was chosen; at ties each gets half. Neither loses where NaN makes both
// unordered.
Tensor extremum(const char* name, Binary op, const Tensor& x, const Tensor& y) {
  check_operands(name, {{"x", x}, {"y", y}});
  const Tensor z = empty_broadcast(name, x, y, result_dtype(x, y));
  kernels(z.device()).binary(op, x.in(), y.in(), z.out());
  return record(name, z, {x, y}, Keep{x, y}, [op](const Backward& b) -> Grads {
    const Tensor x = b.kept(0), y = b.kept(1);
    const Tensor shared = where(x == y, b.dy() / 2, b.dy());
    const Tensor x_loses = op == Binary::maximum ? x < y : x > y,
                 y_loses = op == Binary::maximum ? x > y : x < y;
    return {b.needs(0) ? where(x_loses, 0.0, shared) : Tensor(),
            b.needs(1) ? where(y_loses, 0.0, shared) : Tensor()};
  });
}

}  // namespace

Tensor maximum(const Tensor& x, const Tensor& y) { return extremum("maximum", Binary::maximum, x, y); }

Tensor minimum(const Tensor& x, const Tensor& y) { return extremum("minimum", Binary::minimum, x, y); }

Tensor where(const Tensor& condition, const Tensor& x, const Tensor& y) {
  check_operands("where", {{"condition", condition}, {"x", x}, {"y", y}});
  check<DTypeError>(condition.dtype() == DType::bool_, "where: condition is {}, expected bool",
                    condition.dtype());
  const Shape shape =
      broadcast_shapes("where", broadcast_shapes("where", condition.shape(), x.shape()), y.shape());
  const DType dtype = result_dtype(x, y);
  const Tensor z = x.shape() == shape   ? empty_like(x, dtype)
                   : y.shape() == shape ? empty_like(y, dtype)
                                        : empty_for("where", shape, dtype, x.device());
  kernels(z.device()).where(condition.in(), x.in(), y.in(), z.out());
  return record("where", z, {x, y}, Keep{condition}, [](const Backward& b) -> Grads {
    const Tensor condition = b.kept(0), &dz = b.dy();
    return {b.needs(0) ? where(condition, dz, 0.0) : Tensor(),
            b.needs(1) ? where(condition, 0.0, dz) : Tensor()};
  });
}

Tensor where(const Tensor& condition, const Tensor& x, Scalar y) {
  check_operands("where", {{"condition", condition}, {"x", x}});
  return where(condition, x, tensor(y, promote(x.dtype(), y), x.device()));
}

Tensor where(const Tensor& condition, Scalar x, const Tensor& y) {
  check_operands("where", {{"condition", condition}, {"y", y}});
  return where(condition, tensor(x, promote(y.dtype(), x), y.device()), y);
}

Tensor where(const Tensor& condition, Scalar x, Scalar y) {
  const DType dtype = promote(x.dtype(), y);
  return where(condition, tensor(x, dtype), tensor(y, dtype));
}

}  // namespace st
