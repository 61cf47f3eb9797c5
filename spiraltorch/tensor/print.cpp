// Tensor::to_string and operator<<: PyTorch's text, letter by letter, with its default options: 4 decimals,
// lines of 80 characters, and of more than 1000 elements only the first and last 3 of each dimension. A
// result's op stands under its name here: grad_fn=<softmax>, where PyTorch writes <SoftmaxBackward0>.
#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>
#include <type_traits>

#include "fmt/format.h"
#include "spiraltorch/tensor/tensor.h"

namespace st {
namespace {

constexpr int64_t kThreshold = 1000;
constexpr int64_t kEdge = 3;
constexpr size_t kLineWidth = 80;
constexpr std::string_view kPrefix = "tensor(";

// How the elements of one tensor are written: all of them in one style and, as a rule, one width. T is double
// for floating dtypes, int64_t for all others.
template <class T>
class Style {
 public:
  explicit Style(DType dtype) : is_bool_(dtype == DType::bool_) {}

  // Every element that will be shown is seen twice: once to choose the style, once for the width.
  void choose(T value) {
    if constexpr (std::is_floating_point_v<T>) {
      if (!std::isfinite(value) || value == 0) return;
      integers_ = integers_ && value == std::ceil(value);
      smallest_ = std::min(smallest_, std::abs(value));
      largest_ = std::max(largest_, std::abs(value));
      scientific_ = largest_ / smallest_ > 1000 || largest_ > 1e8 || smallest_ < 1e-4;
    }
  }
  void widen(T value) {
    if constexpr (std::is_floating_point_v<T>) {
      if (!std::isfinite(value) || value == 0) return;
    }
    width_ = std::max(width_, text(value).size());
  }

  size_t width() const { return width_; }
  std::string padded(T value) const { return fmt::format("{:>{}}", text(value), width_); }

 private:
  std::string text(T value) const {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(value)) return "nan";
      if (scientific_) return fmt::format("{:.4e}", value);
      if (!integers_) return fmt::format("{:.4f}", value);
      return fmt::format("{:.0f}{}", value, std::isfinite(value) ? "." : "");
    } else {
      return is_bool_ ? (value ? "True" : "False") : fmt::to_string(value);
    }
  }

  bool is_bool_;
  bool integers_ = true;
  bool scientific_ = false;
  double smallest_ = std::numeric_limits<double>::infinity(), largest_ = 0;
  size_t width_ = 1;
};

template <class T>
class Printer {
 public:
  explicit Printer(const Tensor& x) : style_(x.dtype()), summarize_(x.numel() > kThreshold) {
    for_each_shown(x, [this](T value) { style_.choose(value); });
    for_each_shown(x, [this](T value) { style_.widen(value); });
  }

  // `indent`: characters to the left of the text on its own lines.
  std::string text(const Tensor& x, size_t indent) const {
    if (x.dim() == 0) return style_.padded(x.to_vector<T>()[0]);
    if (x.dim() == 1) return row(x, indent);
    std::string result = "[";
    const std::string separator =
        "," + std::string(static_cast<size_t>(x.dim() - 1), '\n') + std::string(indent + 1, ' ');
    for (int64_t i = 0; i < x.size(0); ++i) {
      if (i > 0) result += separator;
      if (skips(x, i)) {
        result += "..." + separator;
        i = x.size(0) - kEdge;
      }
      result += text(entries(x, i, 1, true), indent + 1);
    }
    return result + "]";
  }

 private:
  // Whether entry i is the first of those that are left out.
  bool skips(const Tensor& x, int64_t i) const { return summarize_ && x.size(0) > 2 * kEdge && i == kEdge; }

  // Entries of the first dimension; a single one may lose it.
  static Tensor entries(const Tensor& x, int64_t first, int64_t count, bool drop = false) {
    Shape shape = x.shape();
    Strides strides = x.strides();
    const int64_t offset = x.storage_offset() + first * strides[0];
    shape[0] = count;
    if (drop) {
      shape.erase(0);
      strides.erase(0);
    }
    return make_view(x, shape, strides, offset);
  }

  std::string row(const Tensor& x, size_t indent) const {
    std::vector<std::string> cells;
    const auto add = [&](const Tensor& part) {
      for (T value : part.to_vector<T>()) cells.push_back(style_.padded(value));
    };
    if (summarize_ && x.size(0) > 2 * kEdge) {
      add(entries(x, 0, kEdge));
      cells.push_back(" ...");
      add(entries(x, x.size(0) - kEdge, kEdge));
    } else {
      add(x);
    }
    const size_t room = kLineWidth > indent ? kLineWidth - indent : 0;
    const size_t per_line = std::max<size_t>(1, room / (style_.width() + 2));
    std::string result = "[";
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) result += i % per_line ? ", " : ",\n" + std::string(indent + 1, ' ');
      result += cells[i];
    }
    return result + "]";
  }

  template <class F>
  void for_each_shown(const Tensor& x, const F& f) const {
    const bool shortened = summarize_ && x.dim() > 0 && x.size(0) > 2 * kEdge;
    if (x.dim() > 1) {
      for (int64_t i = 0; i < x.size(0); ++i) {
        if (skips(x, i)) i = x.size(0) - kEdge;
        for_each_shown(entries(x, i, 1, true), f);
      }
    } else if (shortened) {
      for (T value : entries(x, 0, kEdge).template to_vector<T>()) f(value);
      for (T value : entries(x, x.size(0) - kEdge, kEdge).template to_vector<T>()) f(value);
    } else {
      for (T value : x.to_vector<T>()) f(value);
    }
  }

  Style<T> style_;
  bool summarize_;
};

std::string elements_text(const Tensor& x) {
  if (x.numel() == 0) return "[]";
  if (x.is_floating_point()) return Printer<double>(x).text(x, kPrefix.size());
  return Printer<int64_t>(x).text(x, kPrefix.size());
}

}  // namespace

std::string Tensor::to_string() const {
  if (!defined()) return "tensor(undefined)";
  std::vector<std::string> suffixes;
  const bool is_empty = numel() == 0;
  if (is_empty && dim() != 1) suffixes.push_back("size=" + to_text(shape()));
  const bool dtype_shows = !is_empty && (dtype() == DType::int64 || dtype() == DType::bool_);
  if (dtype() != DType::float32 && !dtype_shows) suffixes.push_back("dtype=torch." + to_text(dtype()));
  if (!is_leaf()) {
    suffixes.push_back("grad_fn=<" + grad_fn_name() + ">");
  } else if (requires_grad()) {
    suffixes.push_back("requires_grad=True");
  }

  std::string text = std::string(kPrefix) + elements_text(*this);
  const size_t last_newline = text.rfind('\n');
  // PyTorch counts one character too many on a later line and two on the first.
  size_t line = last_newline == std::string::npos ? text.size() + 2 : text.size() - last_newline + 1;
  for (const std::string& suffix : suffixes) {
    if (line + suffix.size() + 2 > kLineWidth) {
      text += ",\n" + std::string(kPrefix.size(), ' ') + suffix;
      line = kPrefix.size() + suffix.size();
    } else {
      text += ", " + suffix;
      line += suffix.size() + 2;
    }
  }
  return text + ")";
}

std::ostream& operator<<(std::ostream& os, const Tensor& x) { return os << x.to_string(); }

}  // namespace st
