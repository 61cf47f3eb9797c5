// Pooling layers: their checks and the text that prints them, PyTorch's.
#include "spiraltorch/nn/pool.h"

#include "spiraltorch/nn/repr.h"

namespace st::nn {
namespace {

void check_side(const char* layer, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation) {
  check<ValueError>(kernel >= 1, "{}: kernel_size must be at least 1, got {}", layer, kernel);
  check<ValueError>(stride >= 1, "{}: stride must be at least 1, got {}", layer, stride);
  check<ValueError>(dilation >= 1, "{}: dilation must be at least 1, got {}", layer, dilation);
  check<ValueError>(padding >= 0 && padding / dilation <= kernel,
                    "{}: padding must be between 0 and half of the kernel's extent, got {}", layer, padding);
}

void check_sides(const char* layer, Pair kernel, Pair stride, Pair padding, Pair dilation) {
  const Pair step = stride.or_else(kernel);
  check_side(layer, kernel.h(), step.h(), padding.h(), dilation.h());
  check_side(layer, kernel.w(), step.w(), padding.w(), dilation.w());
}

// A number where both are equal, as it was most likely given.
std::string number(Pair pair) {
  return pair.h() == pair.w() ? to_text(pair.h()) : to_text(Dims{pair.h(), pair.w()});
}

std::string size_text(int64_t size) { return size == -1 ? "None" : to_text(size); }

}  // namespace

MaxPool1d::MaxPool1d(int64_t kernel_size, const MaxPool1dOptions& options)
    : kernel_size_(kernel_size), options_(options) {
  check_side("MaxPool1d", kernel_size, options.stride.value_or(kernel_size), options.padding,
             options.dilation);
}
Tensor MaxPool1d::forward(const Tensor& x) { return max_pool1d(x, kernel_size_, options_); }
std::string MaxPool1d::extra_repr() const {
  return format_text(
      "kernel_size={}, stride={}, padding={}, dilation={}, ceil_mode={}",
      {to_text(kernel_size_), to_text(options_.stride.value_or(kernel_size_)), to_text(options_.padding),
       to_text(options_.dilation), python_repr(options_.ceil_mode)});
}

MaxPool2d::MaxPool2d(Pair kernel_size, const MaxPool2dOptions& options)
    : kernel_size_(kernel_size), options_(options) {
  check_sides("MaxPool2d", kernel_size, options.stride, options.padding, options.dilation);
}
Tensor MaxPool2d::forward(const Tensor& x) { return max_pool2d(x, kernel_size_, options_); }
std::string MaxPool2d::extra_repr() const {
  return format_text("kernel_size={}, stride={}, padding={}, dilation={}, ceil_mode={}",
                     {number(kernel_size_), number(options_.stride.or_else(kernel_size_)),
                      number(options_.padding), number(options_.dilation), python_repr(options_.ceil_mode)});
}

AvgPool1d::AvgPool1d(int64_t kernel_size, const AvgPool1dOptions& options)
    : kernel_size_(kernel_size), options_(options) {
  check_side("AvgPool1d", kernel_size, options.stride.value_or(kernel_size), options.padding, 1);
}
Tensor AvgPool1d::forward(const Tensor& x) { return avg_pool1d(x, kernel_size_, options_); }
std::string AvgPool1d::extra_repr() const {
  return format_text("kernel_size={}, stride={}, padding={}",
                     {to_text(Dims{kernel_size_}), to_text(Dims{options_.stride.value_or(kernel_size_)}),
                      to_text(Dims{options_.padding})});
}

AvgPool2d::AvgPool2d(Pair kernel_size, const AvgPool2dOptions& options)
    : kernel_size_(kernel_size), options_(options) {
  check_sides("AvgPool2d", kernel_size, options.stride, options.padding, 1);
  check<ValueError>(options.divisor_override.value_or(1) != 0, "AvgPool2d: divisor_override must not be 0");
}
Tensor AvgPool2d::forward(const Tensor& x) { return avg_pool2d(x, kernel_size_, options_); }
std::string AvgPool2d::extra_repr() const {
  return format_text(
      "kernel_size={}, stride={}, padding={}",
      {number(kernel_size_), number(options_.stride.or_else(kernel_size_)), number(options_.padding)});
}

AdaptiveAvgPool1d::AdaptiveAvgPool1d(int64_t output_size) : output_size_(output_size) {
  check<ValueError>(output_size >= -1, "AdaptiveAvgPool1d: output_size must be a size or -1, got {}",
                    output_size);
}
Tensor AdaptiveAvgPool1d::forward(const Tensor& x) { return adaptive_avg_pool1d(x, output_size_); }
std::string AdaptiveAvgPool1d::extra_repr() const { return "output_size=" + size_text(output_size_); }

AdaptiveAvgPool2d::AdaptiveAvgPool2d(Pair output_size) : output_size_(output_size) {
  check<ValueError>(output_size.h() >= -1 && output_size.w() >= -1,
                    "AdaptiveAvgPool2d: output_size must be sizes or -1, got {} and {}", output_size.h(),
                    output_size.w());
}
Tensor AdaptiveAvgPool2d::forward(const Tensor& x) { return adaptive_avg_pool2d(x, output_size_); }
std::string AdaptiveAvgPool2d::extra_repr() const {
  if (output_size_.h() == output_size_.w()) return "output_size=" + size_text(output_size_.h());
  return format_text("output_size=({}, {})", {size_text(output_size_.h()), size_text(output_size_.w())});
}

}  // namespace st::nn
