// Arithmetic of shapes: broadcasting, normalised dimensions, strides.
#include "spiraltorch/core/dims.h"

#include "spiraltorch/core/check.h"

namespace st {

void Dims::throw_too_many(int64_t count) {
  fail<ShapeError>("Shape: a tensor has at most {} dimensions, {} were given", kMaxDims, count);
}

std::string to_text(const Dims& dims) {
  std::string text = "(";
  for (int i = 0; i < dims.size(); ++i) text += (i ? ", " : "") + std::to_string(dims[i]);
  return text + (dims.size() == 1 ? ",)" : ")");
}

int64_t numel_of(const Shape& shape) {
  uint64_t n = 1;  // what does not fit into memory is refused where memory is asked for
  for (int64_t size : shape) n *= static_cast<uint64_t>(size);
  return static_cast<int64_t>(n);
}

Strides contiguous_strides(const Shape& shape) {
  Strides strides = shape;
  uint64_t step = 1;
  for (int d = shape.size() - 1; d >= 0; --d) {
    strides[d] = static_cast<int64_t>(step);
    step *= static_cast<uint64_t>(std::max<int64_t>(shape[d], 1));
  }
  return strides;
}

Shape broadcast_shapes(std::string_view op, const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  const int shift = longer.size() - shorter.size();
  Shape result = longer;
  for (int d = 0; d < shorter.size(); ++d) {
    const int64_t l = longer[d + shift], s = shorter[d];
    check<ShapeError>(
        l == s || l == 1 || s == 1,
        "{}: the shapes {} and {} do not broadcast: sizes {} and {} at dimension {} differ and neither is 1",
        op, a, b, a[d + a.size() - shorter.size()], b[d + b.size() - shorter.size()], d + shift);
    result[d + shift] = l == 1 ? s : l;
  }
  return result;
}

int normalize_dim(std::string_view op, int64_t axis, int64_t dim) {
  const int64_t count = std::max<int64_t>(dim, 1);
  check<IndexError>(
      axis >= -count && axis < count,
      "{}: dimension {} is out of range, expected one in [{}, {}] (the tensor has {} dimensions)", op, axis,
      -count, count - 1, dim);
  return static_cast<int>(axis < 0 ? axis + count : axis);
}

DimSet normalize_axes(std::string_view op, const Axes& axes, int64_t dim) {
  if (axes.all()) return (DimSet{1} << dim) - 1;
  DimSet set = 0;
  for (int64_t axis : axes.values()) {
    const DimSet bit = DimSet{1} << normalize_dim(op, axis, dim);
    check<ValueError>(!(set & bit), "{}: dimension {} appears more than once in {}", op, axis, axes.values());
    set |= bit;
  }
  return dim == 0 ? 0 : set;
}

Shape reduced_shape(const Shape& shape, DimSet set, KeepDim keep) {
  Shape result;
  for (int d = 0; d < shape.size(); ++d) {
    if (!(set >> d & 1)) {
      result.push_back(shape[d]);
    } else if (keep) {
      result.push_back(1);
    }
  }
  return result;
}

}  // namespace st
