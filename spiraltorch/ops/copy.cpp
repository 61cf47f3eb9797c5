// Copies, conversions, and the writes that are copies: copy_, fill_, zero_.
#include "spiraltorch/ops/copy.h"

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/registry.h"
#include "spiraltorch/ops/inplace.h"
#include "spiraltorch/ops/promotion.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

// y = x in fresh memory; the gradient is dy, which backward casts to x's dtype.
Tensor copied(const char* op, const Tensor& x, const Tensor& y) {
  kernels(x.device()).copy(x.in(), y.out());
  return record(op, y, {x}, {}, [](const Backward& b) -> Grads { return {b.dy()}; });
}

}  // namespace

Tensor clone(const Tensor& x) {
  check_operands("clone", {{"x", x}});
  return copied("clone", x, empty_like(x));
}

Tensor contiguous(const Tensor& x) {
  check_operands("contiguous", {{"x", x}});
  return x.is_contiguous() ? x : copied("contiguous", x, empty(x.shape(), x.dtype(), x.device()));
}

Tensor to(const Tensor& x, DType dtype) {
  check_operands("to", {{"x", x}});
  return x.dtype() == dtype ? x : copied("to", x, empty_like(x, dtype));
}

Tensor to(const Tensor& x, Device device) {
  check_operands("to", {{"x", x}});
  if (x.device() == device) return x;
  const Tensor y = empty_like(x, x.dtype(), device);
  // Memory without gaps crosses as it stands, any other as a copy of that kind.
  const Tensor dense = y.strides() == x.strides() ? x.detach() : clone(x.detach());
  const size_t bytes = static_cast<size_t>(x.numel()) * item_size(x.dtype());
  if (x.device() == Device::cpu) {
    backend(device).from_host(y.out().data, dense.in().data, bytes);
  } else {
    backend(x.device()).to_host(y.out().data, dense.in().data, bytes);
  }
  return record("to", y, {x}, {},
                [from = x.device()](const Backward& b) -> Grads { return {to(b.dy(), from)}; });
}

const Tensor& copy_(const Tensor& x, const Tensor& y) {
  check_operands("copy_", {{"x", x}});
  check_operands("copy_", {{"y", y}});
  check_writable("copy_", x);
  check_unrecorded("copy_", y);
  check<ShapeError>(broadcast_shapes("copy_", x.shape(), y.shape()) == x.shape(),
                    "copy_: y of shape {} does not broadcast to x of shape {}, which cannot grow", y.shape(),
                    x.shape());
  check_not_expanded("copy_", x);
  if (x.device() != y.device()) {
    const Tensor near = to(y.detach(), x.device());
    kernels(x.device()).copy(near.in(), x.out());
  } else if (x.storage() != y.storage()) {
    kernels(x.device()).copy(y.in(), x.out());
  } else {
    const Tensor apart = clone(y.detach());  // the loop would read what it has already written
    kernels(x.device()).copy(apart.in(), x.out());
  }
  return x;
}

const Tensor& fill_(const Tensor& x, Scalar value) {
  check_operands("fill_", {{"x", x}});
  check_writable("fill_", x);
  check_fits("fill_", value, x.dtype());
  kernels(x.device()).fill(value, x.out());
  return x;
}

const Tensor& zero_(const Tensor& x) {
  check_operands("zero_", {{"x", x}});
  check_writable("zero_", x);
  kernels(x.device()).fill(0, x.out());
  return x;
}

}  // namespace st
