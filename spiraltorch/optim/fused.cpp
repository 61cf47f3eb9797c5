// Which leaves are flat memory.
#include "spiraltorch/optim/fused.h"

#include "spiraltorch/optim/riemannian.h"

namespace st::optim {

bool can_fuse(const Tensor& leaf, const Tensor& grad) {
  return (leaf.dtype() == DType::float32 || leaf.dtype() == DType::float64) && leaf.is_contiguous() &&
         !curved_manifold(leaf) && is_flat_like(grad, leaf);
}

bool is_flat_like(const Tensor& state, const Tensor& leaf) {
  return state.dtype() == leaf.dtype() && state.shape() == leaf.shape() && state.is_contiguous() &&
         state.storage() != leaf.storage();
}

}  // namespace st::optim
