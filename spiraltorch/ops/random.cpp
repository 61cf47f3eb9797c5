// Random tensors, and the writes that draw: uniform_, normal_. Values go into row-major order.
#include "spiraltorch/ops/random.h"

#include <limits>

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/inplace.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

void check_floating(const char* op, DType dtype) {
  check<DTypeError>(is_floating(dtype), "{}: {} is no floating-point type", op, dtype);
}

// draw(out) on x, or on row-major memory that is then copied to x.
template <class F>
const Tensor& drawn(const Tensor& x, const F& draw) {
  if (x.is_contiguous()) {
    draw(x.out());
    return x;
  }
  const Tensor row_major = empty(x.shape(), x.dtype(), x.device());
  draw(row_major.out());
  kernels(x.device()).copy(row_major.in(), x.out());
  return x;
}

const Tensor& draw_uniform(const Tensor& x, double from, double to) {
  return drawn(x, [&](Out y) { kernels(x.device()).uniform(y, from, to, default_generator()); });
}

const Tensor& draw_normal(const Tensor& x, double mean, double std) {
  return drawn(x, [&](Out y) { kernels(x.device()).normal(y, mean, std, default_generator()); });
}

// The first integer that `dtype` cannot count up to.
double integer_limit(DType dtype) {
  switch (dtype) {
    case DType::bool_:
      return 2;
    case DType::uint8:
      return 256;
    case DType::int32:
      return 0x1p31;
    case DType::bfloat16:
      return 257;
    case DType::float16:
      return 2049;
    case DType::float32:
      return 0x1p24 + 1;
    case DType::float64:
      return 0x1p53 + 1;
    default:
      return 0x1p63;
  }
}

}  // namespace

Tensor rand(const Shape& shape, DType dtype) {
  check_floating("rand", dtype);
  return draw_uniform(empty_for("rand", shape, dtype), 0, 1);
}

Tensor randn(const Shape& shape, DType dtype) {
  check_floating("randn", dtype);
  return draw_normal(empty_for("randn", shape, dtype), 0, 1);
}

Tensor randint(int64_t low, int64_t high, const Shape& shape, DType dtype) {
  check<ValueError>(low < high, "randint: low is {} and high is {}, expected low < high", low, high);
  const double limit = integer_limit(dtype);
  const bool is_unsigned = dtype == DType::uint8 || dtype == DType::bool_;
  check<ValueError>(
      static_cast<double>(high) <= limit && static_cast<double>(low) >= (is_unsigned ? 0 : -limit),
      "randint: {} cannot hold every integer in [{}, {})", dtype, low, high);
  Tensor y = empty_for("randint", shape, dtype);
  kernels(y.device()).randint(y.out(), low, high, default_generator());
  return y;
}

Tensor randint(int64_t high, const Shape& shape, DType dtype) { return randint(0, high, shape, dtype); }

Tensor randperm(int64_t n) {
  check<ValueError>(n >= 0, "randperm: n is {}, expected 0 or more", n);
  Tensor y = empty_for("randperm", {n}, DType::int64);
  kernels(y.device()).randperm(y.out(), default_generator());
  return y;
}

Tensor rand_like(const Tensor& x) {
  check_operands("rand_like", {{"x", x}});
  check_floating("rand_like", x.dtype());
  return draw_uniform(empty_like(x), 0, 1);
}

Tensor randn_like(const Tensor& x) {
  check_operands("randn_like", {{"x", x}});
  check_floating("randn_like", x.dtype());
  return draw_normal(empty_like(x), 0, 1);
}

const Tensor& uniform_(const Tensor& x, double from, double to) {
  check_operands("uniform_", {{"x", x}});
  check_writable("uniform_", x);
  check_not_expanded("uniform_", x);
  check_floating("uniform_", x.dtype());
  check<ValueError>(from <= to, "uniform_: from is {} and to is {}, expected from <= to", from, to);
  return draw_uniform(x, from, to);
}

const Tensor& normal_(const Tensor& x, double mean, double std) {
  check_operands("normal_", {{"x", x}});
  check_writable("normal_", x);
  check_not_expanded("normal_", x);
  check_floating("normal_", x.dtype());
  check<ValueError>(std >= 0, "normal_: the standard deviation is {}, expected 0 or more", std);
  return draw_normal(x, mean, std);
}

}  // namespace st
