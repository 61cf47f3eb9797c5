// x.index({0, Slice(1, 3), None, positions}): Python's x[0, 1:3, None, positions].
#pragma once

#include <concepts>
#include <initializer_list>
#include <optional>

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
  requires(!std::same_as<I, bool>) Index(I i) : kind(Kind::position), position(static_cast<int64_t>(i)) {}
  Index(Slice s) : kind(Kind::slice), slice(s) {}
  Index(NewAxis) : kind(Kind::new_axis) {}
  Index(Tensor t) : kind(Kind::tensor), tensor(std::move(t)) {}

  enum class Kind : uint8_t { position, slice, new_axis, tensor };
  const Kind kind;
  // What the kind says; the others are as they were made.
  const int64_t position = 0;
  const Slice slice = {};
  const Tensor tensor = {};
};

/// x[i, a:b, None, ...]: a view unless a tensor picks entries. Throws IndexError if there are more indices
/// than dimensions or one is out of range, ValueError if more than one is a tensor.
Tensor index(const Tensor& x, std::initializer_list<Index> indices);

/// x[i, mask, ...] = value, in place: value broadcasts to what the indices pick and is converted to x's
/// dtype; of several values for one entry the last stays. x.index({mask}).fill_(v) would write to a copy.
/// Refuses what index and other writes refuse, and a value that does not broadcast. Source:
/// torch.Tensor.index_put_.
const Tensor& index_put_(const Tensor& x, std::initializer_list<Index> indices, const Tensor& value);
const Tensor& index_put_(const Tensor& x, std::initializer_list<Index> indices, Scalar value);

}  // namespace st
