// The two memory layouts of images (n, c, spatial...): row-major, and channels-last, which is the same shape
// with the strides of (n, spatial..., c). There are no other ones: a layout is nothing but strides.
#pragma once

#include "spiraltorch/tensor/tensor.h"

namespace st {

enum class Layout { row_major, channels_last };

/// The strides of an image without gaps; row-major ones where it is both.
Strides strides_of(const Shape& shape, Layout layout);

/// Whether x lies in memory so, without gaps. One channel, or one position, is both.
bool has_layout(const Tensor& x, Layout layout);

/// The layout of x; channels-last where it is both, row-major where it is neither.
Layout layout_of(const Tensor& x);

/// x, or a copy of it in this layout; outside of autograd.
Tensor arranged(const Tensor& x, Layout layout);

/// Fresh memory.
Tensor empty_image(const char* op, const Shape& shape, Layout layout, DType dtype, Device device);

/// What a kernel for images sees of a tensor of either layout: (n, c, h, w), with a height of 1 for (n, c,
/// l).
struct Image {
  explicit Image(const Tensor& x);
  In in() const;
  Out out() const;

  const Tensor& tensor;
  Dims sizes, strides;
};

}  // namespace st
