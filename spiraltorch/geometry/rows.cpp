// Arguments of the ball's ops, brought to the form that kernels read.
#include "spiraltorch/geometry/rows.h"

#include <cmath>

#include "spiraltorch/core/modes.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/promotion.h"
#include "spiraltorch/ops/reduce.h"

namespace st {
namespace geometry {

DType point_dtype(const char* op, std::initializer_list<Tensor> tensors) {
  DType dtype = DType::float32;
  for (const Tensor& t : tensors) {
    if (!t.defined()) continue;
    check<DTypeError>(t.dtype() == DType::float32 || t.dtype() == DType::float64,
                      "{}: points and tangent vectors are float32 or float64, not {} (shape {})", op,
                      t.dtype(), t.shape());
    dtype = promote(dtype, t.dtype());
  }
  return dtype;
}

void check_curvature(const char* op, const Curvature& k) {
  check<ValueError>(k.is_number() || k.tensor().defined(), "{}: curvature is undefined", op);
  double largest = k.number(), smallest = largest;
  if (k.tensor().defined()) {
    check<DTypeError>(is_floating(k.tensor().dtype()), "{}: curvature is a tensor of {}, expected floating",
                      op, k.tensor().dtype());
    if (k.tensor().numel() == 0) return;
    const Tensor values = k.tensor().detach();
    const bool one = values.numel() == 1;
    largest = one ? values.item<double>() : max(values).item<double>();
    smallest = one ? largest : min(values).item<double>();
  }
  const double wrong = largest < 0 ? smallest : largest;
  check<ValueError>(largest < 0 && std::isfinite(smallest),
                    "{}: curvature is {}, expected a negative finite number", op, wrong);
}

Tensor minus_curvature(const Tensor& k, double number, Device device) {
  if (!k.defined()) return full({}, -number, DType::float64, device);
  const NoGradGuard guard;
  return -to(k, DType::float64);
}

Tensor as_rows(const Tensor& x, DType dtype, const Shape& shape) {
  Tensor t = x;
  const int dim = x.dim();
  const bool unit = dim == 0 || x.shape()[dim - 1] == 1 || x.strides()[dim - 1] == 1;
  if (t.dtype() != dtype || !unit) {
    const NoGradGuard guard;
    t = contiguous(to(t, dtype));
  }
  if (t.shape() == shape) return t;
  Strides strides = Dims::filled(shape.size(), 0);
  for (int i = 0; i < t.dim(); ++i) {
    if (t.shape()[i] != 1) strides[i + shape.size() - static_cast<int>(t.dim())] = t.strides()[i];
  }
  return make_view(t, shape, strides, t.storage_offset());
}

Tensor dense(const Tensor& x, DType dtype) {
  const NoGradGuard guard;
  return contiguous(to(x, dtype));
}

}  // namespace geometry
}  // namespace st
