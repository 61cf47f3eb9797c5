// Embedding: a selection of rows, whose gradient leaves the padding out. One-hot rows are comparisons.
#include "spiraltorch/ops/embedding.h"

#include <limits>

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/index.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

void check_index(const char* op, const Tensor& index) {
  check<DTypeError>(index.dtype() == DType::int64 || index.dtype() == DType::int32,
                    "{}: the index must be int64 or int32, got {}", op, index.dtype());
  check<ShapeError>(index.dim() < kMaxDims, "{}: the index {} has {} dimensions already, the most there are",
                    op, index.shape(), kMaxDims);
}

}  // namespace

Tensor embedding(const Tensor& index, const Tensor& weight, const EmbeddingFuncOptions& options) {
  check_operands("embedding", {{"index", index}, {"weight", weight}});
  check<ShapeError>(weight.dim() == 2, "embedding: weight is (rows, d), two dimensions (weight: {})",
                    weight.shape());
  check_index("embedding", index);
  const int64_t rows = weight.size(0);
  int64_t padding = options.padding_idx.value_or(-1 - rows);  // no row at all
  check<IndexError>(!options.padding_idx || (padding >= -rows && padding < rows),
                    "embedding: padding_idx {} is out of range, expected one in [{}, {}]", padding, -rows,
                    rows - 1);
  if (options.padding_idx && padding < 0) padding += rows;

  Tensor y, flat;
  {
    const NoGradGuard no_grad;
    flat = reshape(index, {-1});
    Shape shape = index.shape();
    shape.push_back(weight.size(1));
    kernels(weight.device()).check_index("embedding", flat.in(), 0, rows);
    y = empty_for("embedding", shape, weight.dtype(), weight.device());
    const Shape folded{flat.numel(), weight.size(1)};
    const Tensor out = make_view(y, folded, contiguous_strides(folded), 0);
    kernels(weight.device()).index_select(weight.in(), 0, flat.in(), out.out());
  }
  return record("embedding", y, {weight}, Keep{flat},
                [shape = weight.shape(), padding](const Backward& b) -> Grads {
                  const Tensor flat = b.kept(0);
                  Tensor dy = reshape(b.dy(), {flat.numel(), shape[1]});
                  const Tensor dw = zeros(shape, dy.dtype(), dy.device());
                  if (grad_enabled()) {
                    if (padding >= 0) dy = where(unsqueeze(flat == padding, 1), 0.0, dy);
                    return {index_add(dw, 0, flat, dy)};
                  }
                  kernels(dw.device()).index_add(dw.out(), 0, flat.in(), dy.in(), 1);
                  if (padding >= 0) kernels(dw.device()).fill(0.0, select(dw, 0, padding).out());
                  return {dw};
                });
}

Tensor one_hot(const Tensor& index, int64_t num_classes) {
  check_operands("one_hot", {{"index", index}});
  check_index("one_hot", index);
  check<ValueError>(num_classes > 0 || num_classes == -1,
                    "one_hot: num_classes is {}, expected a positive number or -1", num_classes);
  check<ValueError>(num_classes > 0 || index.numel() > 0,
                    "one_hot: an empty index {} does not say how many classes there are; give num_classes",
                    index.shape());
  if (num_classes == -1) {
    const int64_t largest = max(index).item<int64_t>();
    num_classes = largest + (largest < std::numeric_limits<int64_t>::max());
  }
  const Kernels& table = kernels(index.device());
  table.check_index("one_hot", reshape(index, {-1}).in(), 0, num_classes);
  Shape shape = index.shape();
  shape.push_back(num_classes);
  Tensor y = empty_for("one_hot", shape, DType::int64, index.device());
  if (y.numel() == 0) return y;
  const Tensor hot = unsqueeze(index, -1) == to(arange(num_classes), index.device());
  table.copy(hot.in(), y.out());
  return y;
}

}  // namespace st
