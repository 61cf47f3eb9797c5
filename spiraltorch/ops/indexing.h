// x.index({0, Slice(1, 3), None, positions}): Python's x[0, 1:3, None, positions].
#pragma once

#include <concepts>
#include <initializer_list>
#include <optional>
#include <variant>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// start:end:step of one dimension in x.index.
struct Slice {
  std::optional<int64_t> start = {};
  std::optional<int64_t> end = {};
  int64_t step = 1;
  Slice() = default;
  Slice(std::optional<int64_t> first, std::optional<int64_t> last, int64_t stride = 1)
      : start(first), end(last), step(stride) {}
};
/// A new dimension of size 1 in x.index.
struct NewAxis {};
inline constexpr NewAxis None{};

/// One entry of x.index: an integer (the dimension goes), a Slice, None, or a tensor. An int64 or int32
/// tensor picks entries, negative ones from the end, and its dimensions take the place of x's one; a bool
/// tensor picks, in row-major order, the entries where it is true of as many dimensions as it has.
class Index {
 public:
  template <std::integral I>
  requires(!std::same_as<I, bool>) Index(I position) : value_(static_cast<int64_t>(position)) {}
  Index(Slice slice) : value_(slice) {}
  Index(NewAxis none) : value_(none) {}
  Index(Tensor positions) : value_(std::move(positions)) {}
  const auto& value() const { return value_; }

 private:
  std::variant<int64_t, Slice, NewAxis, Tensor> value_;
};

/// x[i, a:b, None, ...]: a view unless a tensor picks entries. Throws IndexError if there are more indices
/// than dimensions or one is out of range, ValueError if more than one is a tensor.
Tensor index(const Tensor& x, std::initializer_list<Index> indices);

}  // namespace st
