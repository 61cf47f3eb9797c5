// Convolution is linear in the image and in the weight. Its two gradients are, too, and the gradients of
// these are again among the three: each is recorded in terms of the others, to any order of derivatives.
#include "spiraltorch/ops/conv.h"

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/autocast.h"
#include "spiraltorch/ops/layout.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

constexpr int64_t kLargest = (int64_t{1} << 31) - 1;  // strides, paddings, dilations

// float32 and 16 bits run channels-last; our own loops take what there is.
Layout layout_for(const Tensor& x) {
  return x.dtype() == DType::float64 ? layout_of(x) : Layout::channels_last;
}

// x in this layout, as part of the graph.
Tensor recorded(const Tensor& x, Layout layout) {
  if (has_layout(x, layout)) return x;
  return record("contiguous", arranged(x, layout), {x}, {},
                [](const Backward& b) -> Grads { return {b.dy()}; });
}

int64_t output_size(int64_t size, int64_t kernel, const ConvRule& rule, size_t d) {
  return (size + rule.before[d] + rule.after[d] - rule.dilation[d] * (kernel - 1) - 1) / rule.stride[d] + 1;
}

Tensor convolve(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias,
                const ConvRule& rule);

// dw, and db where it is wanted.
struct WeightGradient {
  Tensor dw, db;
};
WeightGradient gradient_of_weight(const char* op, const Tensor& x, const Tensor& dy, const ConvRule& rule,
                                  const Shape& shape, bool bias);

// The gradient of the image, which has this shape.
Tensor gradient_of_input(const char* op, const Tensor& dy_in, const Tensor& weight, const ConvRule& rule,
                         const Shape& shape) {
  const Layout layout = layout_for(dy_in);
  const Tensor dy = recorded(dy_in, layout), w = recorded(weight, Layout::row_major);
  const Tensor dx = empty_image(op, shape, layout, dy.dtype(), dy.device());
  kernels(dy.device()).conv2d_backward_input(Image(dy).in(), Image(w).in(), rule, Image(dx).out());
  return record(op, dx, {dy, w}, Keep{dy, w}, [op, rule](const Backward& b) -> Grads {
    const Tensor dy = b.kept(0), w = b.kept(1), &g = b.dy();
    Tensor ddy, dw;
    if (b.needs(0)) ddy = convolve(op, g, w, {}, rule);
    if (b.needs(1)) dw = gradient_of_weight(op, g, dy, rule, w.shape(), false).dw;
    return {ddy, dw};
  });
}

WeightGradient gradient_of_weight(const char* op, const Tensor& x_in, const Tensor& dy_in,
                                  const ConvRule& rule, const Shape& shape, bool bias) {
  const Layout layout = layout_for(x_in);
  const Tensor x = recorded(x_in, layout), dy = recorded(dy_in, layout);
  const Tensor dw = empty_for(op, shape, x.dtype(), x.device());
  const Tensor db = bias ? empty_for(op, {shape[0]}, x.dtype(), x.device()) : Tensor();
  kernels(x.device())
      .conv2d_backward_weight(Image(x).in(), Image(dy).in(), rule, Image(dw).out(), bias ? db.out() : Out{});
  const auto gradient = [op, rule, bias](const Backward& b) -> Grads {
    const Tensor x = b.kept(0), dy = b.kept(1), &g = b.dy();
    Tensor dx, ddy;
    if (b.needs(0)) dx = gradient_of_input(op, dy, g, rule, x.shape());
    if (b.needs(1)) ddy = convolve(op, x, g, bias ? b.dy(1) : Tensor(), rule);
    return {dx, ddy};
  };
  if (bias) {
    record(op, {dw, db}, {x, dy}, Keep{x, dy}, gradient);
  } else {
    record(op, {dw}, {x, dy}, Keep{x, dy}, gradient);
  }
  return {dw, db};
}

Tensor convolve(const char* op, const Tensor& x_in, const Tensor& weight, const Tensor& bias,
                const ConvRule& rule) {
  const Layout layout = layout_for(x_in);
  const Tensor x = recorded(x_in, layout), w = recorded(weight, Layout::row_major);
  Shape shape{x.shape()[0], w.shape()[0]};
  for (int d = 2; d < x.dim(); ++d) {
    const size_t side = static_cast<size_t>(x.dim() == 3 ? 1 : d - 2);  // one dimension is a width
    shape.push_back(output_size(x.shape()[d], w.shape()[d], rule, side));
  }
  const Tensor y = empty_image(op, shape, layout, x.dtype(), x.device());
  kernels(x.device()).conv2d(Image(x).in(), Image(w).in(), bias.in(), rule, Image(y).out());
  const bool needs_x = weight.requires_grad(), needs_w = x.requires_grad();
  const Keep keep{needs_x ? x : Tensor(), needs_w ? w : Tensor()};
  return record(op, y, {x, w, bias}, keep,
                [op, rule, x_shape = x.shape(), w_shape = w.shape()](const Backward& b) -> Grads {
                  const Tensor& dy = b.dy();
                  Tensor dx, dw, db;
                  if (b.needs(0)) dx = gradient_of_input(op, dy, b.kept(1), rule, x_shape);
                  if (b.needs(1)) {
                    const auto both = gradient_of_weight(op, b.kept(0), dy, rule, w_shape, b.needs(2));
                    dw = both.dw, db = both.db;
                  } else if (b.needs(2)) {
                    db = dy.dim() == 3 ? sum(dy, {0, 2}) : sum(dy, {0, 2, 3});
                  }
                  return {dx, dw, db};
                });
}

// What both functions ask of their tensors; `dims` is the number of dimensions that a kernel moves along.
void check_tensors(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias, int64_t groups,
                   int dims) {
  check_operands(op, {{"x", x}, {"weight", weight}, {"bias", bias, true}});
  const char* const form = dims == 1 ? "(N, C, L) or (C, L)" : "(N, C, H, W) or (C, H, W)";
  check<ShapeError>(x.dim() == dims + 1 || x.dim() == dims + 2, "{}: x must be {}, got {}", op, form,
                    x.shape());
  check<ShapeError>(weight.dim() == dims + 2, "{}: weight must be {}, got {}", op,
                    dims == 1 ? "(O, C / groups, k)" : "(O, C / groups, kh, kw)", weight.shape());
  check<ValueError>(groups >= 1, "{}: groups is {}, expected at least 1", op, groups);
  const int64_t channels = x.shape()[static_cast<int>(x.dim()) - dims - 1], out = weight.shape()[0];
  check<ShapeError>(channels % groups == 0 && channels / groups == weight.shape()[1],
                    "{}: x has {} channels, weight expects {} in each of {} groups (x: {}, weight: {})", op,
                    channels, weight.shape()[1], groups, x.shape(), weight.shape());
  check<ShapeError>(out % groups == 0, "{}: {} output channels cannot be cut into {} groups (weight: {})", op,
                    out, groups, weight.shape());
  check<ShapeError>(!bias.defined() || bias.shape() == Dims{out},
                    "{}: bias is {}, weight expects ({},) (weight: {})", op,
                    bias.defined() ? bias.shape() : Dims(), out, weight.shape());
  const DType dtype = x.dtype();
  check<DTypeError>(is_floating(dtype), "{}: expected a floating-point tensor, got {}", op, dtype);
  check<DTypeError>(weight.dtype() == dtype && (!bias.defined() || bias.dtype() == dtype),
                    "{}: all arguments need one dtype, x is {}, weight {}, bias {}", op, dtype,
                    weight.dtype(), bias.defined() ? bias.dtype() : dtype);
}

// The rule of one side, checked against its size.
void set_side(const char* op, ConvRule& rule, size_t side, int64_t size, int64_t kernel, int64_t stride,
              int64_t padding, bool same, int64_t dilation) {
  check<ValueError>(stride >= 1 && stride <= kLargest, "{}: stride is {}, expected at least 1", op, stride);
  check<ValueError>(dilation >= 1 && dilation <= kLargest, "{}: dilation is {}, expected at least 1", op,
                    dilation);
  check<ValueError>(padding >= 0 && padding <= kLargest, "{}: padding is {}, expected at least 0", op,
                    padding);
  check<ValueError>(!same || stride == 1, "{}: padding \"same\" needs a stride of 1, got {}", op, stride);
  check<ShapeError>(kernel >= 1, "{}: weight has a kernel of size {}, expected at least 1", op, kernel);
  check<ShapeError>(kernel <= kLargest, "{}: weight has a kernel of size {}, which is too large", op, kernel);
  const int64_t extent = dilation * (kernel - 1), zeros = same ? extent : 2 * padding;
  check<ShapeError>(size + zeros > extent,
                    "{}: the kernel covers {} elements, more than the {} there are with padding", op,
                    extent + 1, size + zeros);
  rule.stride[side] = stride, rule.dilation[side] = dilation;
  rule.before[side] = zeros / 2, rule.after[side] = zeros - zeros / 2;
}

}  // namespace

Tensor conv2d(const Tensor& x_in, const Tensor& weight_in, const Tensor& bias_in,
              const Conv2dFuncOptions& options) {
  const Tensor x = autocast(x_in), weight = autocast_weight(weight_in), bias = autocast_weight(bias_in);
  check_tensors("conv2d", x, weight, bias, options.groups, 2);
  ConvRule rule{};
  rule.groups = options.groups;
  const Pair padding = options.padding.sizes();
  const Shape& size = weight.shape();
  const bool same = options.padding.is_same();
  set_side("conv2d", rule, 0, x.size(-2), size[2], options.stride.h(), padding.h(), same,
           options.dilation.h());
  set_side("conv2d", rule, 1, x.size(-1), size[3], options.stride.w(), padding.w(), same,
           options.dilation.w());
  if (x.dim() == 4) return convolve("conv2d", x, weight, bias, rule);
  return squeeze(convolve("conv2d", unsqueeze(x, 0), weight, bias, rule), 0);
}

Tensor conv1d(const Tensor& x_in, const Tensor& weight_in, const Tensor& bias_in,
              const Conv1dFuncOptions& options) {
  const Tensor x = autocast(x_in), weight = autocast_weight(weight_in), bias = autocast_weight(bias_in);
  check_tensors("conv1d", x, weight, bias, options.groups, 1);
  const Pair padding = options.padding.sizes();
  check<ValueError>(padding.h() == padding.w(), "conv1d: padding takes one number, got {} and {}",
                    padding.h(), padding.w());
  ConvRule rule{{1, 1}, {0, 0}, {0, 0}, {1, 1}, options.groups};
  set_side("conv1d", rule, 1, x.size(-1), weight.shape()[2], options.stride, padding.w(),
           options.padding.is_same(), options.dilation);
  if (x.dim() == 3) return convolve("conv1d", x, weight, bias, rule);
  return squeeze(convolve("conv1d", unsqueeze(x, 0), weight, bias, rule), 0);
}

}  // namespace st
