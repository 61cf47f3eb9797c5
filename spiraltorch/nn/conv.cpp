// Conv1d, Conv2d: checks, initial values, the text that prints them.
#include "spiraltorch/nn/conv.h"

#include <cmath>
#include <vector>

#include "spiraltorch/nn/init.h"
#include "spiraltorch/ops/conv.h"
#include "spiraltorch/tensor/operands.h"

namespace st::nn {
namespace {

void check_channels(const char* layer, int64_t in, int64_t out, int64_t groups) {
  check<ValueError>(in >= 1, "{}: in_channels must be at least 1, got {}", layer, in);
  check<ValueError>(out >= 1, "{}: out_channels must be at least 1, got {}", layer, out);
  check<ValueError>(groups >= 1, "{}: groups must be at least 1, got {}", layer, groups);
  check<ValueError>(in % groups == 0 && out % groups == 0,
                    "{}: {} and {} channels cannot be cut into {} groups", layer, in, out, groups);
}

void check_side(const char* layer, int64_t kernel, int64_t stride, int64_t dilation, const Padding& padding) {
  check<ValueError>(kernel >= 1, "{}: kernel_size must be at least 1, got {}", layer, kernel);
  check<ValueError>(stride >= 1, "{}: stride must be at least 1, got {}", layer, stride);
  check<ValueError>(dilation >= 1, "{}: dilation must be at least 1, got {}", layer, dilation);
  check<ValueError>(padding.sizes().h() >= 0 && padding.sizes().w() >= 0,
                    "{}: padding must not be negative, got {} and {}", layer, padding.sizes().h(),
                    padding.sizes().w());
  check<ValueError>(!padding.is_same() || stride == 1, "{}: padding \"same\" needs a stride of 1, got {}",
                    layer, stride);
}

void reset(const Parameter& weight, const Parameter& bias) {
  init::kaiming_uniform_(weight, {.a = std::sqrt(5.0)});
  if (bias.defined()) {
    const int64_t fan_in = weight.numel() / weight.size(0);
    const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
    init::uniform_(bias, -bound, bound);
  }
}

// "(3,)" or "(3, 2)": `dims` of a pair's numbers.
std::string tuple(Pair pair, int dims) {
  return to_text(dims == 1 ? Dims{pair.w()} : Dims{pair.h(), pair.w()});
}

// {before, after} of one side, as pad takes them; of an odd sum, "same" has the larger half after.
std::vector<int64_t> margins(const Padding& padding, int64_t size, int64_t kernel, int64_t dilation) {
  const int64_t both = padding.is_same() ? dilation * (kernel - 1) : 2 * size;
  return {both / 2, both - both / 2};
}

std::string repr(const Parameter& weight, const Parameter& bias, int dims, Pair stride,
                 const Padding& padding, Pair dilation, int64_t groups, PadMode mode) {
  const Pair kernel(weight.size(-2), weight.size(-1));
  std::string text = format_text(
      "{}, {}, kernel_size={}, stride={}",
      {to_text(weight.size(1) * groups), to_text(weight.size(0)), tuple(kernel, dims), tuple(stride, dims)});
  if (padding.is_same()) {
    text += ", padding=same";
  } else if (padding.sizes() != Pair(0)) {
    text += ", padding=" + tuple(padding.sizes(), dims);
  }
  if (dilation != Pair(1)) text += ", dilation=" + tuple(dilation, dims);
  if (groups != 1) text += ", groups=" + to_text(groups);
  if (!bias.defined()) text += ", bias=False";
  if (mode != PadMode::zeros) text += ", padding_mode=" + to_text(mode);
  return text;
}

}  // namespace

Conv1d::Conv1d(std::string name, int64_t in_channels, int64_t out_channels, int64_t kernel_size,
               const Conv1dOptions& options)
    : Layer(std::move(name)), options_(options) {
  check_channels("Conv1d", in_channels, out_channels, options.groups);
  check_side("Conv1d", kernel_size, options.stride, options.dilation, options.padding);
  check<ValueError>(options.padding.sizes().h() == options.padding.sizes().w(),
                    "Conv1d: padding takes one number, got {} and {}", options.padding.sizes().h(),
                    options.padding.sizes().w());
  weight = Parameter(
      empty_for("Conv1d", {out_channels, in_channels / options.groups, kernel_size}, DType::float32));
  if (options.bias) bias = Parameter(empty_for("Conv1d", {out_channels}, DType::float32));
  reset_parameters();
}

void Conv1d::reset_parameters() { reset(weight, bias); }

Tensor Conv1d::forward(const Tensor& x) {
  const Conv1dOptions& o = options_;
  if (o.padding_mode == PadMode::zeros) {
    return conv1d(x, weight, bias, {o.stride, o.padding, o.dilation, o.groups});
  }
  const std::vector<int64_t> amounts = margins(o.padding, o.padding.sizes().w(), weight.size(2), o.dilation);
  return conv1d(pad(x, amounts, o.padding_mode), weight, bias, {o.stride, 0, o.dilation, o.groups});
}

void Conv1d::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
}

std::string Conv1d::extra_repr() const {
  return repr(weight, bias, 1, options_.stride, options_.padding, options_.dilation, options_.groups,
              options_.padding_mode);
}

Conv2d::Conv2d(std::string name, int64_t in_channels, int64_t out_channels, Pair kernel_size,
               const Conv2dOptions& options)
    : Layer(std::move(name)), options_(options) {
  check_channels("Conv2d", in_channels, out_channels, options.groups);
  check_side("Conv2d", kernel_size.h(), options.stride.h(), options.dilation.h(), options.padding);
  check_side("Conv2d", kernel_size.w(), options.stride.w(), options.dilation.w(), options.padding);
  weight = Parameter(empty_for("Conv2d",
                               {out_channels, in_channels / options.groups, kernel_size.h(), kernel_size.w()},
                               DType::float32));
  if (options.bias) bias = Parameter(empty_for("Conv2d", {out_channels}, DType::float32));
  reset_parameters();
}

void Conv2d::reset_parameters() { reset(weight, bias); }

Tensor Conv2d::forward(const Tensor& x) {
  const Conv2dOptions& o = options_;
  if (o.padding_mode == PadMode::zeros) {
    return conv2d(x, weight, bias, {o.stride, o.padding, o.dilation, o.groups});
  }
  std::vector<int64_t> amounts = margins(o.padding, o.padding.sizes().w(), weight.size(3), o.dilation.w());
  const auto rows = margins(o.padding, o.padding.sizes().h(), weight.size(2), o.dilation.h());
  amounts.insert(amounts.end(), rows.begin(), rows.end());
  return conv2d(pad(x, amounts, o.padding_mode), weight, bias, {o.stride, 0, o.dilation, o.groups});
}

void Conv2d::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
}

std::string Conv2d::extra_repr() const {
  return repr(weight, bias, 2, options_.stride, options_.padding, options_.dilation, options_.groups,
              options_.padding_mode);
}

}  // namespace st::nn
