// Dims: a short list of int64_t kept inline (at most 8), used for shapes, strides and lists of dimensions.
// Axes: an argument that names one dimension, several, or all of them.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace [[gnu::visibility("default")]] st {

inline constexpr int kMaxDims = 8;

/// A list of at most 8 int64_t. More throw ShapeError.
class Dims {
 public:
  constexpr Dims() = default;
  Dims(std::initializer_list<int64_t> values) { assign(values.begin(), values.end()); }
  Dims(const std::vector<int64_t>& values) { assign(values.data(), values.data() + values.size()); }
  static Dims filled(int count, int64_t value) {
    Dims d;
    for (int i = 0; i < count; ++i) d.push_back(value);
    return d;
  }

  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  int64_t& operator[](int i) { return values_[static_cast<size_t>(i)]; }
  int64_t operator[](int i) const { return values_[static_cast<size_t>(i)]; }
  int64_t* begin() { return values_.data(); }
  int64_t* end() { return values_.data() + size_; }
  const int64_t* begin() const { return values_.data(); }
  const int64_t* end() const { return values_.data() + size_; }
  int64_t back() const { return values_[static_cast<size_t>(size_ - 1)]; }

  void push_back(int64_t value) {
    if (size_ == kMaxDims) throw_too_many(size_ + 1);
    values_[static_cast<size_t>(size_++)] = value;
  }
  void insert(int at, int64_t value) {
    push_back(value);
    for (int i = size_ - 1; i > at; --i) (*this)[i] = (*this)[i - 1];
    (*this)[at] = value;
  }
  void erase(int at) {
    for (int i = at + 1; i < size_; ++i) (*this)[i - 1] = (*this)[i];
    --size_;
  }

  std::vector<int64_t> to_vector() const { return {begin(), end()}; }
  friend bool operator==(const Dims& a, const Dims& b) {
    if (a.size_ != b.size_) return false;
    for (int i = 0; i < a.size_; ++i) {
      if (a[i] != b[i]) return false;
    }
    return true;
  }

 private:
  void assign(const int64_t* first, const int64_t* last) {
    if (last - first > kMaxDims) throw_too_many(last - first);
    for (; first != last; ++first) push_back(*first);
  }
  [[noreturn]] static void throw_too_many(int64_t count);

  std::array<int64_t, kMaxDims> values_{};
  int size_ = 0;
};

using Shape = Dims;
using Strides = Dims;

/// "(2, 3)", "(4,)", "()": a shape as PyTorch's errors and Python print it.
std::string to_text(const Dims& dims);

/// The number of elements of a shape: the product of its sizes, 1 for a 0-dim shape.
int64_t numel_of(const Shape& shape);

/// Row-major strides of a shape, in elements: the last dimension has stride 1.
Strides contiguous_strides(const Shape& shape);

/// The common shape of `a` and `b` under broadcasting (aligned at the right; 1 stretches). Throws ShapeError
/// naming `op` and both shapes.
Shape broadcast_shapes(std::string_view op, const Shape& a, const Shape& b);

/// One dimension in [0, dim) from one in [-dim, dim); a 0-dim tensor counts as having one. Throws IndexError.
int normalize_dim(std::string_view op, int64_t axis, int64_t dim);

/// One dimension, several, or (default) all of them: `sum(x)`, `sum(x, 1)`, `sum(x, {0, -1})`.
class Axes {
 public:
  Axes() = default;
  template <std::integral I>
  requires(!std::same_as<I, bool>) Axes(I axis) : all_(false), values_{static_cast<int64_t>(axis)} {}
  Axes(std::initializer_list<int64_t> axes) : all_(axes.size() == 0), values_(axes) {}
  Axes(const Dims& axes) : all_(axes.empty()), values_(axes) {}
  bool all() const { return all_; }
  const Dims& values() const { return values_; }

 private:
  bool all_ = true;
  Dims values_;
};

/// A set of dimensions as bits: bit d stands for dimension d.
using DimSet = uint32_t;

/// The dimensions that `axes` names in a tensor of `dim` dimensions. Throws IndexError when one is out of
/// range and ValueError when one is named twice.
DimSet normalize_axes(std::string_view op, const Axes& axes, int64_t dim);

/// Whether a reduction keeps its dimensions with size 1: `sum(x, 1, keepdim)`.
class KeepDim {
 public:
  template <std::same_as<bool> B>
  constexpr KeepDim(B value) : value_(value) {}
  constexpr explicit operator bool() const { return value_; }

 private:
  bool value_;
};
inline constexpr KeepDim keepdim{true};

/// `shape` with the dimensions of `set` given size 1 (keep) or removed.
Shape reduced_shape(const Shape& shape, DimSet set, KeepDim keep);

}  // namespace st
