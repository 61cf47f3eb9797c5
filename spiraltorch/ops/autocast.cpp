// Casts of autocast, and the one place where casts of weights are kept.
#include "spiraltorch/ops/autocast.h"

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/backend/storage.h"
#include "spiraltorch/ops/copy.h"

namespace st {
namespace {

bool takes_part(const Tensor& x) { return x.defined() && autocast_dtype_of(x.dtype()) != x.dtype(); }

// The cast of one view of a storage.
struct KeptCast {
  Shape shape;
  Strides strides;
  int64_t offset;
  DType from;
  Tensor cast;

  bool is_of(const Tensor& w, DType to) const {
    return shape == w.shape() && strides == w.strides() && offset == w.storage_offset() &&
           from == w.dtype() && cast.dtype() == to;
  }
};

// The slot's kind: its upper byte says whose copy it is (weights packed for oneDNN have 1 there).
constexpr uint64_t kKind = uint64_t{2} << 56;

Tensor kept_cast(const Tensor& w, DType dtype) {
  Storage& storage = *w.storage();
  const uint64_t version = storage.version();
  const auto found = std::static_pointer_cast<const KeptCast>(storage.derived(kKind));
  if (found && found->is_of(w, dtype)) return found->cast;
  Tensor cast = empty_like(w, dtype);
  kernels(w.device()).copy(w.in(), cast.out());
  storage.set_derived(kKind, version,
                      std::make_shared<const KeptCast>(
                          KeptCast{w.shape(), w.strides(), w.storage_offset(), w.dtype(), cast}));
  return cast;
}

}  // namespace

DType autocast_dtype_of(DType dtype) {
  const bool takes_part = is_floating(dtype) && dtype != DType::float64;
  return takes_part ? autocast_dtype().value_or(dtype) : dtype;
}

Tensor autocast(const Tensor& x) {
  if (!takes_part(x)) return x;
  return x.requires_grad() && x.is_leaf() ? autocast_weight(x) : to(x, *autocast_dtype());
}

Tensor autocast_weight(const Tensor& w) {
  if (!takes_part(w)) return w;
  const Tensor cast = kept_cast(w, *autocast_dtype());
  // A handle of its own for every use: the kept one has no history.
  const Tensor y = make_view(cast, cast.shape(), cast.strides(), 0);
  return record("autocast", y, {w}, {}, [](const Backward& b) -> Grads { return {b.dy()}; });
}

Tensor autocast_float32(const Tensor& x) {
  if (!x.defined() || !autocast_dtype() || !is_reduced_floating(x.dtype())) return x;
  return to(x, DType::float32);
}

}  // namespace st
