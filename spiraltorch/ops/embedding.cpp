// Embedding: a selection of rows, whose gradient leaves the padding out.
#include "spiraltorch/ops/embedding.h"

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/index.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {

Tensor embedding(const Tensor& index, const Tensor& weight, const EmbeddingFuncOptions& options) {
  check_operands("embedding", {{"index", index}, {"weight", weight}});
  check<ShapeError>(weight.dim() == 2, "embedding: weight is (rows, d), two dimensions (weight: {})",
                    weight.shape());
  check<DTypeError>(index.dtype() == DType::int64 || index.dtype() == DType::int32,
                    "embedding: the index must be int64 or int32, got {}", index.dtype());
  check<ShapeError>(index.dim() < kMaxDims,
                    "embedding: the index {} has {} dimensions already, the most there are", index.shape(),
                    kMaxDims);
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

}  // namespace st
