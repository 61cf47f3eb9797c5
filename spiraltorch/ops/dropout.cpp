// Dropout: no mask is kept, only where in the random stream it was.
#include "spiraltorch/ops/dropout.h"

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/core/random.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

struct Choices {
  double p;
  uint64_t seed, offset;
  Strides strides;  // of the memory in whose order elements were counted
};

// x times the mask. Linear, so it is its own gradient.
Tensor masked(const char* op, const Tensor& x, const Choices& c) {
  const Tensor y = empty_for(op, x.shape(), c.strides, x.dtype(), x.device());
  const Kernels& k = kernels(x.device());
  const bool same_order = x.strides() == c.strides;
  if (!same_order) k.copy(x.in(), y.out());
  k.dropout(same_order ? x.in() : y.in(), c.p, c.seed, c.offset, y.out());
  return record(op, y, {x}, {},
                [c](const Backward& b) -> Grads { return {masked("dropout_backward", b.dy(), c)}; });
}

}  // namespace

Tensor dropout(const Tensor& x, const DropoutOptions& options) {
  check_operands("dropout", {{"x", x}});
  check_floating("dropout", x);
  check<ValueError>(options.p >= 0 && options.p <= 1, "dropout: p must be in [0, 1], got {}", options.p);
  if (!options.training) return x;
  Generator& generator = default_generator();
  const uint64_t offset = generator.take_philox((static_cast<uint64_t>(x.numel()) + 3) / 4);
  return masked("dropout", x, {options.p, generator.seed(), offset, empty_like(x).strides()});
}

}  // namespace st
