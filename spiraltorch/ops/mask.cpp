// One kernel fills what a mask covers; the mask of a triangle compares the numbers of rows and columns.
#include "spiraltorch/ops/mask.h"

#include <algorithm>

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/inplace.h"
#include "spiraltorch/ops/promotion.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

void check_arguments(const char* op, const Tensor& x, const Tensor& mask, const Tensor& value) {
  check_operands(op, {{"x", x}, {"mask", mask}, {"value", value}});
  check<DTypeError>(mask.dtype() == DType::bool_, "{}: mask is {}, expected bool", op, mask.dtype());
  check<ShapeError>(value.dim() == 0, "{}: value has the shape {}, expected a number or a 0-dim tensor", op,
                    value.shape());
}

// The number as a tensor beside x.
Tensor beside(const char* op, const Tensor& x, Scalar value) {
  check_operands(op, {{"x", x}});
  check_fits(op, value, x.dtype());
  return tensor(value, x.dtype(), x.device());
}

// Outside of autograd; `value` has x's dtype.
Tensor filled(const char* op, const Tensor& x, const Tensor& mask, const Tensor& value) {
  Tensor y = empty_broadcast(op, x, mask, x.dtype());
  kernels(x.device()).where(mask.in(), value.in(), x.in(), y.out());
  return y;
}

}  // namespace

Tensor masked_fill(const Tensor& x, const Tensor& mask, const Tensor& number) {
  check_arguments("masked_fill", x, mask, number);
  const Tensor value = to(number, x.dtype());
  return record("masked_fill", filled("masked_fill", x, mask, value), {x, value}, Keep{mask},
                [](const Backward& b) -> Grads {
                  const Tensor mask = b.kept(0), &dy = b.dy();
                  return {b.needs(0) ? masked_fill(dy, mask, 0) : Tensor(),
                          b.needs(1) ? where(mask, dy, 0.0) : Tensor()};
                });
}

Tensor masked_fill(const Tensor& x, const Tensor& mask, Scalar value) {
  return masked_fill(x, mask, beside("masked_fill", x, value));
}

const Tensor& masked_fill_(const Tensor& x, const Tensor& mask, const Tensor& number) {
  check_arguments("masked_fill_", x, mask, number);
  check_writable("masked_fill_", x);
  check_unrecorded("masked_fill_", number);
  check_not_expanded("masked_fill_", x);
  check<ShapeError>(broadcast_shapes("masked_fill_", x.shape(), mask.shape()) == x.shape(),
                    "masked_fill_: mask of shape {} does not broadcast to x of shape {}, which cannot grow",
                    mask.shape(), x.shape());
  const Tensor value = to(number, x.dtype());
  // A mask in x's own memory would change while it is read.
  const Tensor read = mask.storage() == x.storage() ? clone(mask) : mask;
  kernels(x.device()).where(read.in(), value.in(), x.in(), x.out());
  return x;
}

const Tensor& masked_fill_(const Tensor& x, const Tensor& mask, Scalar value) {
  return masked_fill_(x, mask, beside("masked_fill_", x, value));
}

namespace {

Tensor triangle(const char* op, const Tensor& x, int64_t diagonal, bool lower) {
  check_operands(op, {{"x", x}});
  check<ShapeError>(x.dim() >= 2, "{}: expected matrices, x has the shape {}", op, x.shape());
  const int64_t m = x.size(-2), n = x.size(-1);
  const int64_t shift = std::clamp(diagonal, -m, n);  // further out nothing changes
  const Tensor row = unsqueeze(arange(m), 1), column = arange(n);
  const Tensor outside = to(lower ? column > row + shift : column < row + shift, x.device());
  return record(
      op, filled(op, x, outside, beside(op, x, 0)), {x}, {},
      [op, diagonal, lower](const Backward& b) -> Grads { return {triangle(op, b.dy(), diagonal, lower)}; });
}

}  // namespace

Tensor tril(const Tensor& x, int64_t diagonal) { return triangle("tril", x, diagonal, true); }
Tensor triu(const Tensor& x, int64_t diagonal) { return triangle("triu", x, diagonal, false); }

}  // namespace st
