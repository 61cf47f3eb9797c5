// y = R x C^T, where a row of R (of C) holds the two weights of one row (column) of the result.
#include "spiraltorch/vision/resize.h"

#include <algorithm>
#include <optional>
#include <span>

#include "spiraltorch/core/check.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/matmul.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace vision {
namespace {

// (to, from): what each of `from` samples adds to each of `to`.
Tensor weights(int64_t from, int64_t to, const Tensor& like) {
  const Tensor y = empty_for("resize_bilinear", {to, from}, DType::float64);
  const std::span<double> matrix = y.mutable_data<double>();
  std::ranges::fill(matrix, 0);
  for (int64_t i = 0; i < to; ++i) {
    const double ratio = static_cast<double>(from) / static_cast<double>(to);
    const double at = std::max((static_cast<double>(i) + 0.5) * ratio - 0.5, 0.0);
    const int64_t low = std::min(static_cast<int64_t>(at), from - 1), high = std::min(low + 1, from - 1);
    const double share = at - static_cast<double>(low);
    matrix[static_cast<size_t>(i * from + low)] += 1 - share;
    matrix[static_cast<size_t>(i * from + high)] += share;
  }
  return y.to(like.dtype()).to(like.device());
}

}  // namespace

Tensor resize_bilinear(const Tensor& x, int64_t height, int64_t width) {
  check_operands("resize_bilinear", {{"x", x}});
  check<ShapeError>(x.dim() >= 2, "resize_bilinear: x is (..., h, w), not {}", x.shape());
  check<ShapeError>(x.size(-2) > 0 && x.size(-1) > 0, "resize_bilinear: x of shape {} has no pixels",
                    x.shape());
  check<ValueError>(height >= 1 && width >= 1,
                    "resize_bilinear: the size is {} x {}, expected at least 1 x 1", height, width);
  check<DTypeError>(is_floating(x.dtype()), "resize_bilinear: x is {}, expected a floating dtype", x.dtype());
  if (x.size(-2) == height && x.size(-1) == width) return x;
  const AutocastMode exact(std::nullopt);
  const Tensor wide = is_reduced_floating(x.dtype()) ? x.to(DType::float32) : x;
  const Tensor rows = weights(x.size(-2), height, wide), columns = weights(x.size(-1), width, wide);
  return matmul(matmul(rows, wide), transpose(columns, 0, 1)).to(x.dtype());
}

}  // namespace vision
}  // namespace st
