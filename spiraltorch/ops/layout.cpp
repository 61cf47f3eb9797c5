// Strides of images.
#include "spiraltorch/ops/layout.h"

#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/tensor/operands.h"

namespace st {

Strides strides_of(const Shape& shape, Layout layout) {
  int64_t positions = 1;
  for (int d = 2; d < shape.size(); ++d) positions *= shape[d];
  if (layout == Layout::row_major || shape[1] == 1 || positions == 1) return contiguous_strides(shape);
  Strides strides = Dims::filled(shape.size(), 1);
  int64_t step = shape[1];
  for (int d = shape.size() - 1; d >= 2; --d) {
    strides[d] = step;
    step *= shape[d];
  }
  strides[0] = step;
  return strides;
}

bool has_layout(const Tensor& x, Layout layout) {
  if (x.numel() == 0) return true;
  const Strides wanted = strides_of(x.shape(), layout);
  for (int d = 0; d < x.dim(); ++d) {
    if (x.shape()[d] != 1 && x.strides()[d] != wanted[d]) return false;
  }
  return true;
}

Layout layout_of(const Tensor& x) {
  return has_layout(x, Layout::channels_last) ? Layout::channels_last : Layout::row_major;
}

Tensor arranged(const Tensor& x, Layout layout) {
  if (has_layout(x, layout)) return x;
  Tensor y = empty_strided(x.shape(), strides_of(x.shape(), layout), x.dtype(), x.device());
  kernels(x.device()).copy(x.in(), y.out());
  return y;
}

Tensor empty_image(const char* op, const Shape& shape, Layout layout, DType dtype, Device device) {
  return empty_for(op, shape, strides_of(shape, layout), dtype, device);
}

Image::Image(const Tensor& x) : tensor(x) {
  if (!x.defined()) return;
  sizes = x.shape(), strides = strides_of(sizes, layout_of(x));  // those of sizes of 1 may be anything in x
  if (sizes.size() == 3) {
    sizes.insert(2, 1);
    strides.insert(2, strides[2] * sizes[3]);
  }
}

In Image::in() const {
  In view = tensor.in();
  if (view.defined()) view.sizes = &sizes, view.strides = &strides;
  return view;
}

Out Image::out() const {
  if (!tensor.defined()) return {};
  Out view = tensor.out();
  view.sizes = &sizes, view.strides = &strides;
  return view;
}

}  // namespace st
