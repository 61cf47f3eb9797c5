// Pooling: checks, output sizes, and gradients. All of it is linear once the places of the largest elements
// are known: a gradient and the gradient of that are each recorded in terms of the other.
#include "spiraltorch/ops/pool.h"

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/layout.h"
#include "spiraltorch/ops/promotion.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

constexpr int64_t kLargest = (int64_t{1} << 31) - 1;
constexpr int64_t kByte = 256;  // positions of a window that a byte can tell apart

// x as the kernels take it: (n, c, ...) of float32 or float64, in one of the two layouts.
Tensor prepared(const Tensor& x, int dims) {
  const Tensor wide = is_reduced_floating(x.dtype()) ? to(x, DType::float32) : x;
  const Tensor batch = x.dim() == dims + 1 ? unsqueeze(wide, 0) : wide;
  return has_layout(batch, Layout::channels_last) ? batch : contiguous(batch);
}

Tensor finished(const Tensor& y, const Tensor& x, int dims) {
  const Tensor image = x.dim() == dims + 1 ? squeeze(y, 0) : y;
  return image.is_floating_point() ? to(image, x.dtype()) : image;
}

void check_image(const char* op, const Tensor& x, int dims) {
  check_operands(op, {{"x", x}});
  check<ShapeError>(x.dim() == dims + 1 || x.dim() == dims + 2, "{}: x must be {}, got {}", op,
                    dims == 1 ? "(N, C, L) or (C, L)" : "(N, C, H, W) or (C, H, W)", x.shape());
  check<DTypeError>(is_floating(x.dtype()), "{}: expected a floating-point tensor, got {}", op, x.dtype());
  for (int d = x.dim() == dims + 1 ? 0 : 1; d < x.dim(); ++d)
    check<ShapeError>(x.shape()[d] > 0, "{}: only the batch may be empty, x is {}", op, x.shape());
}

// One side of a window.
struct Side {
  int64_t size, kernel, stride, padding, dilation;
};

// The number of windows along a side.
int64_t windows(const char* op, const Side& s, bool ceil_mode) {
  const auto check_option = [&](const char* name, int64_t value, int64_t least) {
    check<ValueError>(value >= least && value <= kLargest, "{}: {} is {}, expected at least {}", op, name,
                      value, least);
  };
  check_option("kernel_size", s.kernel, 1);
  check_option("stride", s.stride, 1);
  check_option("padding", s.padding, 0);
  check_option("dilation", s.dilation, 1);
  const int64_t extent = s.dilation * (s.kernel - 1) + 1;
  check<ValueError>(s.padding <= extent / 2, "{}: padding is {}, more than half of the kernel's extent of {}",
                    op, s.padding, extent);
  const int64_t room = s.size + 2 * s.padding - extent;
  check<ShapeError>(room >= 0 || (ceil_mode && room + s.stride > 0),
                    "{}: the kernel covers {} elements, more than the {} there are with padding", op, extent,
                    s.size + 2 * s.padding);
  if (!ceil_mode) return room / s.stride + 1;
  const int64_t count = (room + s.stride - 1) / s.stride + 1;
  return (count - 1) * s.stride >= s.size + s.padding ? count - 1 : count;
}

// The shape of the output of windows over x (n, c, ...).
Shape pooled_shape(const Tensor& x, int64_t rows, int64_t cols) {
  if (x.dim() == 3) return {x.shape()[0], x.shape()[1], cols};
  return {x.shape()[0], x.shape()[1], rows, cols};
}

Tensor take_places(const char* op, const Tensor& x, const Tensor& index, const MaxPoolRule& rule);

// dy at the places of an image of this shape.
Tensor put_places(const char* op, const Tensor& dy_in, const Tensor& index, const MaxPoolRule& rule,
                  const Shape& shape) {
  const Layout layout = layout_of(index);
  const Tensor dy = arranged(dy_in, layout);
  const Tensor dx = empty_image(op, shape, layout, dy.dtype(), dy.device());
  kernels(dy.device()).max_pool2d_scatter(Image(dy).in(), Image(index).in(), rule, Image(dx).out());
  return record(op, dx, {dy_in}, Keep{index}, [op, rule](const Backward& b) -> Grads {
    return {take_places(op, b.dy(), b.kept(0), rule)};
  });
}

Tensor take_places(const char* op, const Tensor& x_in, const Tensor& index, const MaxPoolRule& rule) {
  const Layout layout = layout_of(index);
  const Tensor x = arranged(x_in, layout);
  const Tensor y = empty_image(op, index.shape(), layout, x.dtype(), x.device());
  kernels(x.device()).max_pool2d_gather(Image(x).in(), Image(index).in(), rule, Image(y).out());
  return record(op, y, {x_in}, Keep{index}, [op, rule, shape = x.shape()](const Backward& b) -> Grads {
    return {put_places(op, b.dy(), b.kept(0), rule, shape)};
  });
}

// The largest elements, and where they are if anybody will ask.
ValueIndex max_pool(const char* op, const Tensor& x_in, int dims, const MaxPoolRule& rule, bool ceil_mode,
                    bool with_indices) {
  check_image(op, x_in, dims);
  const auto side = [&](size_t i) {
    const int64_t size = i == 0 && dims == 1 ? 1 : x_in.size(static_cast<int64_t>(i) - 2);
    return windows(op, {size, rule.kernel[i], rule.stride[i], rule.padding[i], rule.dilation[i]}, ceil_mode);
  };
  const int64_t rows = side(0), cols = side(1);
  const Tensor x = prepared(x_in, dims);
  const Layout layout = layout_of(x);
  const Shape shape = pooled_shape(x, rows, cols);
  const Tensor y = empty_image(op, shape, layout, x.dtype(), x.device());
  const bool bytes = !with_indices && rule.kernel[0] <= kByte && rule.kernel[1] <= kByte &&
                     rule.kernel[0] * rule.kernel[1] <= kByte;
  Tensor index;
  if (with_indices || must_record(std::span(&x, 1)))
    index = empty_image(op, shape, layout, bytes ? DType::uint8 : DType::int64, x.device());
  kernels(x.device()).max_pool2d(Image(x).in(), rule, Image(y).out(), Image(index).out());
  record(op, y, {x}, Keep{index}, [op, rule, shape = x.shape()](const Backward& b) -> Grads {
    return {put_places(op, b.dy(), b.kept(0), rule, shape)};
  });
  return {finished(y, x_in, dims), with_indices ? finished(index, x_in, dims) : Tensor()};
}

MaxPoolRule rule_of(Pair kernel, const MaxPool2dFuncOptions& o) {
  const Pair stride = o.stride.or_else(kernel);
  return {{kernel.h(), kernel.w()},
          {stride.h(), stride.w()},
          {o.padding.h(), o.padding.w()},
          {o.dilation.h(), o.dilation.w()}};
}

MaxPoolRule rule_of(int64_t kernel, const MaxPool1dFuncOptions& o) {
  return {{1, kernel}, {1, o.stride.value_or(kernel)}, {0, o.padding}, {1, o.dilation}};
}

Tensor averages(const char* op, const Tensor& x_in, Layout layout, const AvgPoolRule& rule,
                const Shape& shape);

// The gradient of means over an image of this shape.
Tensor spread(const char* op, const Tensor& dy_in, Layout layout, const AvgPoolRule& rule,
              const Shape& shape) {
  const Tensor dy = arranged(dy_in, layout);
  const Tensor dx = empty_image(op, shape, layout, dy.dtype(), dy.device());
  kernels(dy.device()).avg_pool2d_backward(Image(dy).in(), rule, Image(dx).out());
  return record(op, dx, {dy_in}, {}, [op, layout, rule, shape = dy.shape()](const Backward& b) -> Grads {
    return {averages(op, b.dy(), layout, rule, shape)};
  });
}

// Means over an image, to one of this shape.
Tensor averages(const char* op, const Tensor& x_in, Layout layout, const AvgPoolRule& rule,
                const Shape& shape) {
  const Tensor x = arranged(x_in, layout);
  const Tensor y = empty_image(op, shape, layout, x.dtype(), x.device());
  kernels(x.device()).avg_pool2d(Image(x).in(), rule, Image(y).out());
  return record(op, y, {x_in}, {}, [op, layout, rule, shape = x.shape()](const Backward& b) -> Grads {
    return {spread(op, b.dy(), layout, rule, shape)};
  });
}

Tensor avg_pool(const char* op, const Tensor& x_in, int dims, const AvgPoolRule& rule, bool ceil_mode) {
  check_image(op, x_in, dims);
  const auto side = [&](size_t i) {
    const int64_t size = i == 0 && dims == 1 ? 1 : x_in.size(static_cast<int64_t>(i) - 2);
    return windows(op, {size, rule.kernel[i], rule.stride[i], rule.padding[i], 1}, ceil_mode);
  };
  const int64_t rows = side(0), cols = side(1);
  const Tensor x = prepared(x_in, dims);
  return finished(averages(op, x, layout_of(x), rule, pooled_shape(x, rows, cols)), x_in, dims);
}

Tensor adaptive_avg_pool(const char* op, const Tensor& x_in, int dims, int64_t rows, int64_t cols) {
  check_image(op, x_in, dims);
  const auto size = [&](int64_t wanted, int64_t dim) {
    check<ValueError>(wanted >= -1 && wanted <= kLargest,
                      "{}: output_size is {}, expected a size or -1 for that of x", op, wanted);
    return wanted == -1 ? x_in.size(dim) : wanted;
  };
  if (dims == 2) rows = size(rows, -2);
  cols = size(cols, -1);
  const Tensor x = prepared(x_in, dims);
  AvgPoolRule rule{};
  rule.adaptive = true;
  return finished(averages(op, x, layout_of(x), rule, pooled_shape(x, rows, cols)), x_in, dims);
}

}  // namespace

Tensor max_pool2d(const Tensor& x, Pair kernel_size, const MaxPool2dFuncOptions& options) {
  return max_pool("max_pool2d", x, 2, rule_of(kernel_size, options), options.ceil_mode, false).values;
}
Tensor max_pool1d(const Tensor& x, int64_t kernel_size, const MaxPool1dFuncOptions& options) {
  return max_pool("max_pool1d", x, 1, rule_of(kernel_size, options), options.ceil_mode, false).values;
}
ValueIndex max_pool2d_with_indices(const Tensor& x, Pair kernel_size, const MaxPool2dFuncOptions& options) {
  return max_pool("max_pool2d_with_indices", x, 2, rule_of(kernel_size, options), options.ceil_mode, true);
}
ValueIndex max_pool1d_with_indices(const Tensor& x, int64_t kernel_size,
                                   const MaxPool1dFuncOptions& options) {
  return max_pool("max_pool1d_with_indices", x, 1, rule_of(kernel_size, options), options.ceil_mode, true);
}

Tensor avg_pool2d(const Tensor& x, Pair kernel_size, const AvgPool2dFuncOptions& options) {
  check<ValueError>(options.divisor_override.value_or(1) != 0, "avg_pool2d: divisor_override must not be 0");
  const Pair stride = options.stride.or_else(kernel_size);
  const AvgPoolRule rule{{kernel_size.h(), kernel_size.w()},
                         {stride.h(), stride.w()},
                         {options.padding.h(), options.padding.w()},
                         false,
                         options.count_include_pad,
                         options.divisor_override.value_or(0)};
  return avg_pool("avg_pool2d", x, 2, rule, options.ceil_mode);
}
Tensor avg_pool1d(const Tensor& x, int64_t kernel_size, const AvgPool1dFuncOptions& options) {
  const AvgPoolRule rule{{1, kernel_size},          {1, options.stride.value_or(kernel_size)},
                         {0, options.padding},      false,
                         options.count_include_pad, 0};
  return avg_pool("avg_pool1d", x, 1, rule, options.ceil_mode);
}

Tensor adaptive_avg_pool2d(const Tensor& x, Pair output_size) {
  return adaptive_avg_pool("adaptive_avg_pool2d", x, 2, output_size.h(), output_size.w());
}
Tensor adaptive_avg_pool1d(const Tensor& x, int64_t output_size) {
  return adaptive_avg_pool("adaptive_avg_pool1d", x, 1, 1, output_size);
}

}  // namespace st
