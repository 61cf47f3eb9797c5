// Picking and adding by index tensors (int64 or int32). Indices are checked against the size before any work:
// one out of [0, size) throws IndexError naming it.
#pragma once

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// The entries of dimension `dim` at the positions in `index` (1-dim). Source: torch.index_select.
Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index);
/// y[i][j][k] = x[index[i][j][k]][j][k] for dim 0, and so on. Source: torch.gather.
Tensor gather(const Tensor& x, int64_t dim, const Tensor& index);
/// x with y[index[i][j][k]][j][k] = source[i][j][k] for dim 0, and so on; of several that fall on one element
/// the last in row-major order stays, and all get its gradient. Source: torch.scatter.
Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source);
Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, Scalar value);
/// x with y[index[i][j][k]][j][k] += source[i][j][k] for dim 0, and so on. Source: torch.scatter_add.
Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source);

struct IndexAddOptions {
  Scalar alpha = 1;
};
/// x with alpha times the entries of `source` added at the positions in `index`. Source: torch.index_add.
Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                 const IndexAddOptions& options = {});

}  // namespace st
