// A view is new sizes and strides over x's storage. Its gradient is the view that undoes it, or, where it
// left elements out, zeros around dy.
#include "spiraltorch/ops/shape.h"

#include <algorithm>
#include <span>

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/join.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

// A view with x's elements in their row-major order.
Tensor reshaped(const char* op, const Tensor& x, const Shape& shape, const Strides& strides) {
  return record(op, make_view(x, shape, strides, x.storage_offset()), {x}, {},
                [before = x.shape()](const Backward& b) -> Grads { return {reshape(b.dy(), before)}; });
}

// The shape that is asked for, with -1 worked out.
Shape completed_shape(const char* op, const Tensor& x, Shape shape) {
  check_operands(op, {{"x", x}});
  const Shape asked = shape;
  int unknown = -1;
  constexpr int64_t kTooMany = -1;  // no tensor has as many, unless another size is 0
  int64_t known = 1;
  for (int d = 0; d < shape.size(); ++d) {
    if (shape[d] != -1) {
      check<ShapeError>(shape[d] >= 0, "{}: the shape {} has a negative size", op, asked);
      if (__builtin_mul_overflow(known, shape[d], &known)) known = kTooMany;
      continue;
    }
    check<ShapeError>(unknown < 0, "{}: only one size can be -1, the shape is {}", op, asked);
    unknown = d;
  }
  if (unknown >= 0 && known >= 0) {
    check<ShapeError>(known > 0, "{}: the -1 in {} could be any size, for the others have product 0 (x: {})",
                      op, asked, x.shape());
    shape[unknown] = x.numel() / known;
    known *= shape[unknown];
  }
  check<ShapeError>(known == x.numel(), "{}: the shape {} has another number of elements than x, {} ({})", op,
                    asked, x.numel(), x.shape());
  return shape;
}

// The strides under which x's memory shows `shape`, if there are any: each run of dimensions that x walks
// without a jump must hold exactly some of the new dimensions.
std::optional<Strides> view_strides(const Tensor& x, const Shape& shape) {
  if (shape == x.shape()) return x.strides();
  if (x.numel() == 0) return contiguous_strides(shape);
  Strides strides = Dims::filled(shape.size(), 1);
  int to = shape.size() - 1;
  for (int from = x.shape().size() - 1; from >= 0; --from) {
    const int64_t step = x.strides()[from];
    int64_t run = x.shape()[from];
    while (from > 0 && (x.shape()[from - 1] == 1 || x.strides()[from - 1] == run * step)) {
      run *= x.shape()[--from];
    }
    int64_t filled = 1;
    while (to >= 0 && (filled < run || shape[to] == 1)) {
      strides[to] = filled * step;
      filled *= shape[to--];
    }
    if (filled != run) return {};
  }
  return strides;
}

// Entries start, start + step, ... of a dimension, outside of autograd.
Tensor picked(const Tensor& x, int dim, int64_t start, int64_t length, int64_t step) {
  Shape shape = x.shape();
  Strides strides = x.strides();
  const int64_t offset = x.storage_offset() + (length > 0 ? start * strides[dim] : 0);
  shape[dim] = length;
  if (length > 1) strides[dim] *= step;  // else no second entry is stepped to
  return make_view(x, shape, strides, offset);
}

// Zeros of `shape` with dy in entries start, start + step, ... of a dimension: the gradient of narrow, select
// and slice. Its own gradient is slice.
Tensor narrow_backward(const Tensor& dy, const Shape& shape, int dim, int64_t start, int64_t step = 1) {
  const int64_t length = dy.shape()[dim];
  const Tensor dx = zeros(shape, dy.dtype(), dy.device());
  kernels(dx.device()).copy(dy.in(), picked(dx, dim, start, length, step).out());
  return record("narrow_backward", dx, {dy}, {}, [=](const Backward& b) -> Grads {
    return {slice(b.dy(), dim, start, start + length * step, step)};
  });
}

int dim_of(const char* op, const Tensor& x, int64_t axis) {
  check_operands(op, {{"x", x}});
  check<IndexError>(x.dim() > 0, "{}: x is 0-dim and has no dimension {}", op, axis);
  return normalize_dim(op, axis, x.dim());
}

// Pieces of these lengths, recorded as one op: the gradients of all pieces are joined in one pass.
std::vector<Tensor> pieces(const char* op, const Tensor& x, int dim, const std::vector<int64_t>& lengths) {
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (const int64_t length : lengths) {
    parts.push_back(picked(x, dim, start, length, 1));
    start += length;
  }
  record(op, parts, std::span(&x, 1), {}, [dim, count = std::ssize(lengths)](const Backward& b) -> Grads {
    std::vector<Tensor> dys;
    dys.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) dys.push_back(b.dy(i));
    return {cat(dys, dim)};
  });
  return parts;
}

}  // namespace

Tensor view(const Tensor& x, const Shape& shape) {
  const Shape full = completed_shape("view", x, shape);
  const std::optional<Strides> strides = view_strides(x, full);
  check<ShapeError>(strides.has_value(),
                    "view: strides {} of x {} do not show the shape {} without a copy; use reshape",
                    x.strides(), x.shape(), full);
  return reshaped("view", x, full, *strides);
}

Tensor reshape(const Tensor& x, const Shape& shape) {
  const Shape full = completed_shape("reshape", x, shape);
  if (const std::optional<Strides> strides = view_strides(x, full)) {
    return reshaped("reshape", x, full, *strides);
  }
  return reshaped("reshape", contiguous(x), full, contiguous_strides(full));
}

Tensor flatten(const Tensor& x, int64_t start_dim, int64_t end_dim) {
  check_operands("flatten", {{"x", x}});
  const int first = normalize_dim("flatten", start_dim, x.dim());
  const int last = normalize_dim("flatten", end_dim, x.dim());
  check<ValueError>(first <= last, "flatten: start_dim {} comes after end_dim {} (x: {})", start_dim, end_dim,
                    x.shape());
  if (x.dim() == 0) return reshape(x, {1});
  if (first == last) return x;
  Shape shape;
  int64_t joined = 1;
  for (int d = 0; d < x.dim(); ++d) {
    if (d >= first && d <= last) joined *= x.shape()[d];
    if (d < first || d > last) shape.push_back(x.shape()[d]);
    if (d == last) shape.push_back(joined);
  }
  return reshape(x, shape);
}

Tensor permute(const Tensor& x, const Dims& dims) {
  check_operands("permute", {{"x", x}});
  check<ShapeError>(dims.size() == x.dim(), "permute: {} names {} dimensions, x has {} ({})", dims,
                    dims.size(), x.dim(), x.shape());
  normalize_axes("permute", dims, x.dim());  // refuses what is out of range or named twice
  Shape shape;
  Strides strides;
  Dims inverse = dims;
  for (int i = 0; i < dims.size(); ++i) {
    const int from = normalize_dim("permute", dims[i], x.dim());
    shape.push_back(x.shape()[from]);
    strides.push_back(x.strides()[from]);
    inverse[from] = i;
  }
  return record("permute", make_view(x, shape, strides, x.storage_offset()), {x}, {},
                [inverse](const Backward& b) -> Grads { return {permute(b.dy(), inverse)}; });
}

Tensor transpose(const Tensor& x, int64_t dim0, int64_t dim1) {
  check_operands("transpose", {{"x", x}});
  const int a = normalize_dim("transpose", dim0, x.dim()), b = normalize_dim("transpose", dim1, x.dim());
  if (x.dim() == 0) return x;
  Shape shape = x.shape();
  Strides strides = x.strides();
  std::swap(shape[a], shape[b]);
  std::swap(strides[a], strides[b]);
  return record("transpose", make_view(x, shape, strides, x.storage_offset()), {x}, {},
                [a, b](const Backward& back) -> Grads { return {transpose(back.dy(), a, b)}; });
}

Tensor t(const Tensor& x) {
  check_operands("t", {{"x", x}});
  check<ShapeError>(x.dim() <= 2, "t: x has {} dimensions {}, at most 2 are allowed; use transpose", x.dim(),
                    x.shape());
  return x.dim() < 2 ? x : transpose(x, 0, 1);
}

Tensor squeeze(const Tensor& x, const Axes& dims) {
  check_operands("squeeze", {{"x", x}});
  const DimSet set = normalize_axes("squeeze", dims, x.dim());
  Shape shape;
  Strides strides;
  for (int d = 0; d < x.dim(); ++d) {
    if ((set >> d & 1) && x.shape()[d] == 1) continue;
    shape.push_back(x.shape()[d]);
    strides.push_back(x.strides()[d]);
  }
  return reshaped("squeeze", x, shape, strides);
}

Tensor unsqueeze(const Tensor& x, int64_t dim) {
  check_operands("unsqueeze", {{"x", x}});
  check<ShapeError>(x.dim() < kMaxDims, "unsqueeze: x has {} dimensions already, the most there are (x: {})",
                    kMaxDims, x.shape());
  const int at = normalize_dim("unsqueeze", dim, x.dim() + 1);
  Shape shape = x.shape();
  Strides strides = x.strides();
  const int64_t step = at < x.dim() ? shape[at] * strides[at] : 1;
  shape.insert(at, 1);
  strides.insert(at, step);
  return reshaped("unsqueeze", x, shape, strides);
}

Tensor expand(const Tensor& x, const Shape& shape) {
  check_operands("expand", {{"x", x}});
  const int added = shape.size() - static_cast<int>(x.dim());
  check<ShapeError>(added >= 0, "expand: the shape {} has fewer dimensions than x ({})", shape, x.shape());
  Shape full = shape;
  Strides strides = Dims::filled(shape.size(), 0);
  for (int d = 0; d < shape.size(); ++d) {
    if (d < added) {
      check<ShapeError>(shape[d] >= 0, "expand: dimension {} of {} is new and needs a size (x: {})", d, shape,
                        x.shape());
      continue;
    }
    const int64_t size = x.shape()[d - added];
    if (shape[d] == -1) full[d] = size;
    check<ShapeError>(
        full[d] == size || (size == 1 && full[d] >= 0),
        "expand: size {} of dimension {} cannot become {}, only size 1 can grow (x: {}, to: {})", size,
        d - added, shape[d], x.shape(), shape);
    if (full[d] == size) strides[d] = x.strides()[d - added];
  }
  int64_t elements = 1;
  for (int64_t size : full) {
    check<ShapeError>(!__builtin_mul_overflow(elements, std::max<int64_t>(size, 1), &elements),
                      "expand: the shape {} has more elements than can be counted (x: {})", full, x.shape());
  }
  // The gradient has the expanded shape; backward sums it down to x's.
  return record("expand", make_view(x, full, strides, x.storage_offset()), {x}, {},
                [](const Backward& b) -> Grads { return {b.dy()}; });
}

Tensor narrow(const Tensor& x, int64_t axis, int64_t start, int64_t length) {
  const int dim = dim_of("narrow", x, axis);
  const int64_t size = x.shape()[dim];
  check<IndexError>(start >= -size && start <= size, "narrow: start {} is not in [{}, {}] (x: {}, dim: {})",
                    start, -size, size, x.shape(), dim);
  const int64_t first = start < 0 ? start + size : start;
  check<ValueError>(length >= 0 && length <= size - first,
                    "narrow: {} entries from {} on are not in a dimension of size {} (x: {}, dim: {})",
                    length, first, size, x.shape(), dim);
  return record("narrow", picked(x, dim, first, length, 1), {x}, {},
                [dim, first, before = x.shape()](const Backward& b) -> Grads {
                  return {narrow_backward(b.dy(), before, dim, first)};
                });
}

Tensor select(const Tensor& x, int64_t axis, int64_t index) {
  const int dim = dim_of("select", x, axis);
  const int64_t size = x.shape()[dim];
  check<IndexError>(index >= -size && index < size,
                    "select: index {} is out of range for dimension {} of size {} (x: {})", index, dim, size,
                    x.shape());
  const int64_t at = index < 0 ? index + size : index;
  Shape shape = x.shape();
  Strides strides = x.strides();
  const int64_t offset = x.storage_offset() + at * strides[dim];
  shape.erase(dim);
  strides.erase(dim);
  return record("select", make_view(x, shape, strides, offset), {x}, {},
                [dim, at, before = x.shape()](const Backward& b) -> Grads {
                  return {narrow_backward(unsqueeze(b.dy(), dim), before, dim, at)};
                });
}

Tensor slice(const Tensor& x, int64_t axis, std::optional<int64_t> start, std::optional<int64_t> end,
             int64_t step) {
  const int dim = dim_of("slice", x, axis);
  check<ValueError>(step >= 1, "slice: step is {}, expected at least 1", step);
  const int64_t size = x.shape()[dim];
  const auto bound = [size](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + size : i, 0, size); };
  const int64_t first = bound(start.value_or(0)), last = std::max(first, bound(end.value_or(size)));
  const int64_t length = (last - first) / step + ((last - first) % step != 0);
  return record("slice", picked(x, dim, first, length, step), {x}, {},
                [dim, first, step, before = x.shape()](const Backward& b) -> Grads {
                  return {narrow_backward(b.dy(), before, dim, first, step)};
                });
}

std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t axis) {
  const int dim = dim_of("split", x, axis);
  const int64_t whole = x.shape()[dim];
  check<ValueError>(size > 0 || (size == 0 && whole == 0),
                    "split: pieces of {} entries do not make up a dimension of size {} (x: {}, dim: {})",
                    size, whole, x.shape(), dim);
  std::vector<int64_t> sizes(static_cast<size_t>(whole == 0 ? 1 : (whole - 1) / size + 1), size);
  sizes.back() = whole - size * (std::ssize(sizes) - 1);
  return pieces("split", x, dim, sizes);
}

std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int64_t axis) {
  const int dim = dim_of("split", x, axis);
  const int64_t whole = x.shape()[dim];
  int64_t left = whole;
  for (const int64_t size : sizes) {
    check<ValueError>(size >= 0, "split: a size is {}, expected at least 0", size);
    left -= std::min(size, left + 1);  // -1 and stays there if they are too many
  }
  check<ValueError>(left == 0, "split: sizes {} do not add up to dimension {} of size {} (x: {})", sizes, dim,
                    whole, x.shape());
  return pieces("split", x, dim, sizes);
}

std::vector<Tensor> chunk(const Tensor& x, int64_t chunks, int64_t axis) {
  const int dim = dim_of("chunk", x, axis);
  check<ValueError>(chunks > 0, "chunk: the number of chunks is {}, expected at least 1", chunks);
  const int64_t whole = x.shape()[dim];
  if (whole == 0)
    return pieces("chunk", x, dim,
                  std::vector<int64_t>(static_cast<size_t>(chunks)));  // as torch: that many empty ones
  return split(x, (whole - 1) / chunks + 1, dim);
}

std::vector<Tensor> unbind(const Tensor& x, int64_t axis) {
  const int dim = dim_of("unbind", x, axis);
  const int64_t count = x.shape()[dim];
  Shape shape = x.shape();
  Strides strides = x.strides();
  shape.erase(dim);
  strides.erase(dim);
  std::vector<Tensor> entries;
  for (int64_t i = 0; i < count; ++i) {
    entries.push_back(make_view(x, shape, strides, x.storage_offset() + i * x.strides()[dim]));
  }
  record("unbind", entries, std::span(&x, 1), {}, [dim, count](const Backward& b) -> Grads {
    std::vector<Tensor> dys;
    dys.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) dys.push_back(b.dy(i));
    return {stack(dys, dim)};
  });
  return entries;
}

}  // namespace st
