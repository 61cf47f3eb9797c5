// Gathers rows for TensorDataset.
#include "spiraltorch/data/tensor_dataset.h"

#include <algorithm>

#include "spiraltorch/ops/index.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace data {

Tensor take_rows(const Tensor& x, std::span<const int64_t> indices) {
  check_operands("take_rows", {{"x", x}});
  check<ShapeError>(x.dim() >= 1, "take_rows: x has no rows, it is {}", x.shape());
  for (const int64_t i : indices)
    check<IndexError>(i >= 0 && i < x.size(0), "take_rows: row {} is out of range, x has {} (x: {})", i,
                      x.size(0), x.shape());
  const Tensor index = empty({static_cast<int64_t>(indices.size())}, DType::int64);
  std::ranges::copy(indices, index.mutable_data<int64_t>().begin());
  return index_select(x, 0, index.to(x.device()));
}

}  // namespace data
}  // namespace st
