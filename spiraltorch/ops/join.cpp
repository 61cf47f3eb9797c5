// Parts are copied once, straight to their place; gradients are the views that undo it.
#include "spiraltorch/ops/join.h"

#include <algorithm>

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/index.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

// Entries first .. first + length - 1 of a dimension, outside of autograd.
Tensor part(const Tensor& x, int dim, int64_t first, int64_t length) {
  const NoGradGuard guard;
  return narrow(x, dim, first, length);
}

// (N, H, W, C) in memory, and not (N, C, H, W) as well.
bool is_channels_last(const Tensor& x) {
  if (x.dim() != 4 || x.is_contiguous()) return false;
  const NoGradGuard guard;
  return permute(x, {0, 2, 3, 1}).is_contiguous();
}

constexpr int64_t kMostPadding = int64_t{1} << 61;  // sums of two and a size cannot overflow

Tensor empty_joined(const char* op, const Shape& shape, const Tensor& like, DType dtype, bool channels_last) {
  if (!channels_last) return empty_for(op, shape, dtype, like.device());
  const NoGradGuard guard;
  return permute(empty_for(op, {shape[0], shape[2], shape[3], shape[1]}, dtype, like.device()), {0, 3, 1, 2});
}

// What is added to every dimension, and the shape that this gives.
struct Margins {
  Dims before, after;
  Shape shape;
};

Margins checked_margins(const Tensor& x, const std::vector<int64_t>& amounts) {
  check_operands("pad", {{"x", x}});
  const int padded = static_cast<int>(amounts.size() / 2);
  check<ValueError>(amounts.size() % 2 == 0 && padded <= x.dim(),
                    "pad: {} amounts are given, expected two for each of at most {} dimensions (x: {})",
                    amounts.size(), x.dim(), x.shape());
  for (const int64_t amount : amounts) {
    check<ValueError>(amount >= -kMostPadding && amount <= kMostPadding,
                      "pad: an amount is {}, too large (x: {})", amount, x.shape());
  }
  Margins m{{}, {}, x.shape()};
  for (int d = 0; d < x.dim(); ++d) {
    const int from_end = static_cast<int>(x.dim()) - 1 - d;
    const int64_t left = from_end < padded ? amounts[2 * static_cast<size_t>(from_end)] : 0;
    const int64_t right = from_end < padded ? amounts[2 * static_cast<size_t>(from_end) + 1] : 0;
    m.before.push_back(left);
    m.after.push_back(right);
    m.shape[d] += left + right;
    check<ShapeError>(m.shape[d] >= 0 && x.shape()[d] + std::min<int64_t>(left, 0) >= 0 &&
                          x.shape()[d] + std::min<int64_t>(right, 0) >= 0,
                      "pad: amounts {} and {} crop dimension {} of size {} below 0 (x: {})", left, right, d,
                      x.shape()[d], x.shape());
  }
  return m;
}

// The entries of a dimension that a padded one shows. What is wrapped is what is left after cropping; the
// other modes look beyond a cropped edge.
Tensor places(PadMode mode, const Tensor& x, int dim, int64_t before, int64_t after) {
  const int64_t n = x.shape()[dim], first = std::max<int64_t>(-before, 0);
  const int64_t kept = n - first + std::min<int64_t>(after, 0), amount = std::max(before, after);
  const int64_t most = mode == PadMode::reflect    ? std::max<int64_t>(n - 1, 0)
                       : mode == PadMode::circular ? kept
                       : n > 0                     ? kMostPadding
                                                   : 0;
  check<ShapeError>(amount <= most, "pad: mode {} cannot add {} to {} entries in dimension {} (x: {})",
                    to_text(mode), amount, mode == PadMode::circular ? kept : n, dim, x.shape());
  const Tensor index = empty_for("pad", {n + before + after}, DType::int64);
  int64_t at = -before;
  for (int64_t& place : index.mutable_data<int64_t>()) {
    place = mode == PadMode::circular    ? first + (at - first + kept) % kept
            : mode == PadMode::replicate ? std::clamp<int64_t>(at, 0, n - 1)
            : at < n                     ? std::abs(at)
                                         : 2 * (n - 1) - at;
    ++at;
  }
  return to(index, x.device());
}

}  // namespace

std::string to_text(PadMode mode) {
  switch (mode) {
    case PadMode::constant:
      return "zeros";
    case PadMode::reflect:
      return "reflect";
    case PadMode::replicate:
      return "replicate";
    case PadMode::circular:
      return "circular";
  }
  return "unknown";
}

Tensor pad(const Tensor& x, const std::vector<int64_t>& amounts, Scalar value) {
  const Margins margins = checked_margins(x, amounts);
  const auto [before, after, shape] = margins;
  const Tensor y = empty_joined("pad", shape, x, x.dtype(), is_channels_last(x));
  const Kernels& k = kernels(x.device());
  // Margins are filled dimension by dimension, each within what the ones before have left: every element of y
  // is written once.
  Tensor inner = y, source = x.detach();
  for (int d = 0; d < x.dim(); ++d) {
    const int64_t left = std::max<int64_t>(before[d], 0), right = std::max<int64_t>(after[d], 0);
    const int64_t kept = shape[d] - left - right;
    if (left > 0) k.fill(value, part(inner, d, 0, left).out());
    if (right > 0) k.fill(value, part(inner, d, left + kept, right).out());
    inner = part(inner, d, left, kept);
    source = part(source, d, std::max<int64_t>(-before[d], 0), kept);
  }
  k.copy(source.in(), inner.out());

  return record("pad", y, {x}, {},
                [before = margins.before, after = margins.after](const Backward& b) -> Grads {
                  std::vector<int64_t> opposite;
                  for (int d = before.size() - 1; d >= 0; --d) {
                    opposite.push_back(-before[d]);
                    opposite.push_back(-after[d]);
                  }
                  return {pad(b.dy(), opposite)};
                });
}

Tensor pad(const Tensor& x, const std::vector<int64_t>& amounts, PadMode mode, Scalar value) {
  if (mode == PadMode::constant) return pad(x, amounts, value);
  const auto [before, after, shape] = checked_margins(x, amounts);
  Tensor y = x;
  for (int d = static_cast<int>(x.dim()) - 1; d >= 0; --d) {
    if (before[d] == 0 && after[d] == 0) continue;
    y = index_select(y, d, places(mode, x, d, before[d], after[d]));
  }
  return y.is_same(x) ? clone(x) : y;
}

Tensor cat(const std::vector<Tensor>& tensors, int64_t axis) {
  check<ValueError>(!tensors.empty(), "cat: the list of tensors is empty");
  check_operands("cat", tensors);
  const auto skipped = [](const Tensor& t) { return t.shape() == Shape{0}; };  // torch's legacy of lists
  const auto first_kept = std::find_if_not(tensors.begin(), tensors.end(), skipped);
  const Tensor& first = first_kept == tensors.end() ? tensors[0] : *first_kept;
  check<ShapeError>(first.dim() > 0, "cat: a 0-dim tensor cannot be joined; use stack");
  const int dim = normalize_dim("cat", axis, first.dim());

  Shape shape = first.shape();
  shape[dim] = 0;
  DType dtype = tensors[0].dtype();
  bool channels_last = true;
  Tensor sizes = empty({static_cast<int64_t>(tensors.size())}, DType::int64);
  int64_t* size = sizes.mutable_data<int64_t>().data();
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& t = tensors[i];
    dtype = promote(dtype, t.dtype());
    size[i] = skipped(t) ? 0 : t.size(dim);
    if (skipped(t)) continue;
    Shape expected = first.shape();
    expected[t.dim() == first.dim() ? dim : 0] = t.dim() == first.dim() ? t.shape()[dim] : 0;
    check<ShapeError>(t.dim() == first.dim() && t.shape() == expected,
                      "cat: sizes must agree except in dimension {}; tensor {} is {}, the first {}", dim, i,
                      t.shape(), first.shape());
    shape[dim] += size[i];
    channels_last = channels_last && is_channels_last(t);
  }

  Tensor y = empty_joined("cat", shape, first, dtype, channels_last && first_kept != tensors.end());
  int64_t start = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (size[i] == 0) continue;
    kernels(y.device()).copy(tensors[i].in(), part(y, dim, start, size[i]).out());
    start += size[i];
  }
  record("cat", std::span(&y, 1), tensors, Keep{sizes}, [dim](const Backward& b) -> Grads {
    Grads grads;
    int64_t from = 0;
    const Tensor kept = b.kept(0);
    for (const int64_t length : kept.data<int64_t>()) {
      const bool wanted = b.needs(static_cast<int>(grads.size())) && length > 0;
      grads.push_back(wanted ? narrow(b.dy(), dim, from, length) : Tensor());
      from += length;
    }
    return grads;
  });
  return y;
}

Tensor stack(const std::vector<Tensor>& tensors, int64_t axis) {
  check<ValueError>(!tensors.empty(), "stack: the list of tensors is empty");
  check_operands("stack", tensors);
  check<ShapeError>(tensors[0].dim() < kMaxDims,
                    "stack: the tensors have {} dimensions already, the most there are", kMaxDims);
  const int dim = normalize_dim("stack", axis, tensors[0].dim() + 1);
  std::vector<Tensor> wide;
  for (const Tensor& t : tensors) {
    check<ShapeError>(t.shape() == tensors[0].shape(),
                      "stack: every tensor must have one shape; tensor {} is {}, the first {}", wide.size(),
                      t.shape(), tensors[0].shape());
    wide.push_back(unsqueeze(t, dim));
  }
  return cat(wide, dim);
}

}  // namespace st
