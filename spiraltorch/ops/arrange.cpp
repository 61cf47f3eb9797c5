// A flip is a copy that walks backwards, a roll two copies a dimension; what repeats is expanded and copied.
#include "spiraltorch/ops/arrange.h"

#include <algorithm>
#include <vector>

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/index.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

Tensor flipped(const Tensor& x, DimSet dims) {
  const Tensor y = empty_like(x);
  if (x.numel() > 0) {
    In from = x.in();
    Strides strides = x.strides();
    int64_t first = 0;  // in elements from x's
    for (int d = 0; d < x.dim(); ++d) {
      if (!(dims >> d & 1)) continue;
      first += (x.shape()[d] - 1) * strides[d];
      strides[d] = -strides[d];
    }
    from.data = static_cast<const char*>(from.data) + first * static_cast<int64_t>(item_size(x.dtype()));
    from.strides = &strides;
    kernels(x.device()).copy(from, y.out());
  }
  return record("flip", y, {x}, {}, [dims](const Backward& b) -> Grads { return {flipped(b.dy(), dims)}; });
}

}  // namespace

Tensor flip(const Tensor& x, const Dims& dims) {
  check_operands("flip", {{"x", x}});
  return flipped(x, dims.empty() ? 0 : normalize_axes("flip", dims, x.dim()));
}

namespace {

// Entry i of dimension `dim` moves to (i + shift) mod its size, which is not 0.
Tensor rolled(const Tensor& x, int64_t shift, int dim) {
  const int64_t n = x.shape()[dim], last = (shift % n + n) % n;  // so many entries move to the front
  const Tensor y = empty_like(x);
  {
    const NoGradGuard no_grad;
    const auto move = [&](int64_t start, int64_t length, int64_t target) {
      kernels(x.device()).copy(narrow(x, dim, start, length).in(), narrow(y, dim, target, length).out());
    };
    move(n - last, last, 0);
    move(0, n - last, last);
  }
  return record("roll", y, {x}, {},
                [=](const Backward& b) -> Grads { return {rolled(b.dy(), n - last, dim)}; });
}

}  // namespace

Tensor roll(const Tensor& x, const Dims& shifts, const Dims& dims) {
  check_operands("roll", {{"x", x}});
  check<ValueError>(shifts.size() == (dims.empty() ? 1 : dims.size()),
                    "roll: expected one shift for each dimension, or for all (shifts: {}, dims: {})", shifts,
                    dims);
  for (const int64_t dim : dims) {
    check<IndexError>(x.dim() > 0, "roll: x is 0-dim and has no dimension {}", dim);
    normalize_dim("roll", dim, x.dim());
  }
  if (x.numel() == 0) return clone(x);
  if (dims.empty()) return reshape(rolled(reshape(x, {-1}), shifts[0], 0), x.shape());
  Tensor y = x;
  for (int i = 0; i < dims.size(); ++i) y = rolled(y, shifts[i], normalize_dim("roll", dims[i], x.dim()));
  return y;
}

namespace {

void check_countable(const char* op, const Shape& shape, const Tensor& x) {
  int64_t elements = 1;
  for (const int64_t size : shape) {
    check<ShapeError>(!__builtin_mul_overflow(elements, std::max<int64_t>(size, 1), &elements),
                      "{}: the result has more elements than can be counted (x: {})", op, x.shape());
  }
}

int64_t checked_product(const char* op, int64_t size, int64_t times, const Tensor& x) {
  int64_t product = 0;
  check<ShapeError>(!__builtin_mul_overflow(size, times, &product),
                    "{}: {} times size {} is more than can be counted (x: {})", op, times, size, x.shape());
  return product;
}

// Blocks of `inner` elements, in row-major order, each `times` times in a row; one dimension.
Tensor blocks_repeated(const Tensor& x, int64_t inner, int64_t times) {
  const int64_t outer = inner == 0 ? 0 : x.numel() / inner;
  return reshape(expand(reshape(x, {outer, 1, inner}), {outer, times, inner}), {outer * times * inner});
}

}  // namespace

Tensor repeat(const Tensor& x, const Dims& sizes) {
  check_operands("repeat", {{"x", x}});
  const int added = sizes.size() - static_cast<int>(x.dim());
  check<ShapeError>(added >= 0, "repeat: sizes {} are fewer than the dimensions of x {}", sizes, x.shape());
  const auto own = [&](int d) { return d < added ? 1 : x.shape()[d - added]; };
  Shape shape = sizes;
  for (int d = 0; d < sizes.size(); ++d) {
    check<ValueError>(sizes[d] >= 0, "repeat: a size is {}, expected at least 0 (sizes: {})", sizes[d],
                      sizes);
    shape[d] = checked_product("repeat", own(d), sizes[d], x);
  }
  check_countable("repeat", shape, x);
  // From the last dimension to the first: the larger the copy, the longer its runs.
  Tensor y = reshape(x, {-1});
  int64_t inner = 1;  // elements of y behind dimension d
  for (int d = sizes.size() - 1; d >= 0; --d) {
    if (sizes[d] != 1) y = blocks_repeated(y, inner * own(d), sizes[d]);
    inner *= shape[d];
  }
  y = reshape(y, shape);
  return y.storage() == x.storage() ? clone(y) : y;
}

Tensor repeat_interleave(const Tensor& x, int64_t repeats, std::optional<int64_t> axis) {
  check_operands("repeat_interleave", {{"x", x}});
  check<ValueError>(repeats >= 0, "repeat_interleave: repeats is {}, expected at least 0", repeats);
  const int dim = normalize_dim("repeat_interleave", axis.value_or(0), axis ? x.dim() : 1);
  Shape shape = axis && x.dim() > 0 ? x.shape() : Shape{x.numel()};
  int64_t inner = 1;
  for (int d = dim + 1; d < shape.size(); ++d) inner *= shape[d];
  shape[dim] = checked_product("repeat_interleave", shape[dim], repeats, x);
  check_countable("repeat_interleave", shape, x);
  const Tensor y = reshape(blocks_repeated(reshape(x, {-1}), inner, repeats), shape);
  return y.storage() == x.storage() ? clone(y) : y;
}

Tensor repeat_interleave(const Tensor& x, const Tensor& repeats, std::optional<int64_t> axis) {
  check_operands("repeat_interleave", {{"x", x}, {"repeats", repeats}});
  check<DTypeError>(repeats.dtype() == DType::int64 || repeats.dtype() == DType::int32,
                    "repeat_interleave: repeats is {}, expected int64 or int32", repeats.dtype());
  const int dim = normalize_dim("repeat_interleave", axis.value_or(0), axis ? x.dim() : 1);
  const int64_t entries = axis && x.dim() > 0 ? x.shape()[dim] : x.numel();
  check<ShapeError>(repeats.dim() <= 1 && (repeats.numel() == 1 || repeats.numel() == entries),
                    "repeat_interleave: repeats is {}, expected one number or {}, one for each entry (x: {})",
                    repeats.shape(), entries, x.shape());
  const std::vector<int64_t> counts = repeats.to_vector<int64_t>();
  if (counts.size() == 1) return repeat_interleave(x, counts[0], axis);
  int64_t total = 0;
  for (const int64_t count : counts) {
    check<ValueError>(count >= 0, "repeat_interleave: a number in repeats is {}, expected at least 0", count);
    check<ShapeError>(!__builtin_add_overflow(total, count, &total),
                      "repeat_interleave: repeats add up to more than can be counted");
  }
  const Tensor index = empty_for("repeat_interleave", {total}, DType::int64);
  int64_t* at = index.mutable_data<int64_t>().data();
  for (size_t i = 0; i < counts.size(); ++i) at = std::fill_n(at, counts[i], static_cast<int64_t>(i));
  return index_select(axis ? x : reshape(x, {-1}), dim, to(index, x.device()));
}

}  // namespace st
