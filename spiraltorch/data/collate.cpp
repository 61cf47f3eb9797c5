// How the members of examples become tensors; each kind of value is one call of an op.
#include "spiraltorch/data/collate.h"

#include "spiraltorch/core/check.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/join.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace data {

Tensor collate(const std::vector<Tensor>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    check<ValueError>(values[i].defined(), "DataLoader: the tensor of example {} of the batch is undefined",
                      i);
    check<ShapeError>(
        values[i].shape() == values[0].shape(),
        "DataLoader: examples of one batch need one shape, example {} has {}, the first of the batch {}", i,
        values[i].shape(), values[0].shape());
  }
  check_operands("DataLoader", values);
  check<ShapeError>(values.empty() || values[0].dim() < kMaxDims,
                    "DataLoader: examples of {} dimensions leave none for the batch", kMaxDims);
  return stack(values);
}

Tensor collate(const std::vector<int64_t>& values) { return tensor(values); }
Tensor collate(const std::vector<double>& values) { return tensor(values); }
Tensor collate(const std::vector<bool>& values) { return tensor(values); }

}  // namespace data
}  // namespace st
