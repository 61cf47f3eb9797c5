// Everything here is memory, one fill or one range, and for values a conversion to the dtype.
#include "spiraltorch/ops/creation.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/promotion.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

Tensor filled(const Tensor& x, Scalar value) {
  kernels(x.device()).fill(value, x.out());
  return x;
}

// A 1-dim tensor of n values in memory, converted to `dtype`.
template <class T>
Tensor from_values(const T* values, size_t n, DType dtype) {
  const int64_t count = static_cast<int64_t>(n);
  Tensor y = empty({count}, dtype);
  if (count == 0) return y;
  const Dims sizes{count}, strides{1};
  kernels(y.device()).copy({values, dtype_of<T>(), &sizes, &strides}, y.out());
  return y;
}

DType range_dtype(Scalar start, Scalar end, Scalar step) {
  return start.is_floating() || end.is_floating() || step.is_floating() ? DType::float32 : DType::int64;
}

}  // namespace

Tensor zeros(const Shape& shape, DType dtype, Device device) {
  return filled(empty_for("zeros", shape, dtype, device), 0);
}
Tensor ones(const Shape& shape, DType dtype, Device device) {
  return filled(empty_for("ones", shape, dtype, device), 1);
}
Tensor full(const Shape& shape, Scalar value) { return full(shape, value, value.dtype()); }
Tensor full(const Shape& shape, Scalar value, DType dtype, Device device) {
  check_fits("full", value, dtype);
  return filled(empty_for("full", shape, dtype, device), value);
}

Tensor eye(int64_t n, DType dtype) { return eye(n, n, dtype); }
Tensor eye(int64_t n, int64_t m, DType dtype) {
  check<ValueError>(n >= 0 && m >= 0, "eye: sizes {} and {} must not be negative", n, m);
  Tensor y = filled(empty_for("eye", {n, m}, dtype), 0);
  filled(make_view(y, {std::min(n, m)}, {m + 1}, 0), 1);
  return y;
}

Tensor zeros_like(const Tensor& x) {
  check_operands("zeros_like", {{"x", x}});
  return filled(empty_like(x), 0);
}
Tensor ones_like(const Tensor& x) {
  check_operands("ones_like", {{"x", x}});
  return filled(empty_like(x), 1);
}
Tensor full_like(const Tensor& x, Scalar value) {
  check_operands("full_like", {{"x", x}});
  check_fits("full_like", value, x.dtype());
  return filled(empty_like(x), value);
}

Tensor arange(Scalar end) { return arange(0, end); }
Tensor arange(Scalar end, DType dtype) { return arange(0, end, 1, dtype); }
Tensor arange(Scalar start, Scalar end, DType dtype) { return arange(start, end, 1, dtype); }
Tensor arange(Scalar start, Scalar end, Scalar step) {
  return arange(start, end, step, range_dtype(start, end, step));
}
Tensor arange(Scalar start, Scalar end, Scalar step, DType dtype) {
  check<DTypeError>(dtype != DType::bool_, "arange: bool cannot hold a range");
  const double a = start.to_double(), b = end.to_double(), s = step.to_double();
  check<ValueError>(s > 0 || s < 0, "arange: step is {}, expected a number other than 0", step);
  check<ValueError>(std::isfinite(a) && std::isfinite(b), "arange: from {} to {} is no finite range", start,
                    end);
  check<ValueError>((s > 0 && b >= a) || (s < 0 && b <= a),
                    "arange: a step of {} does not lead from {} to {}", step, start, end);
  int64_t count = 0;
  if (dtype == DType::int64) {  // in integers throughout, as in PyTorch: doubles would lose large ones
    const int64_t by = step.to_int64();
    int64_t distance = 0;
    check<ValueError>(!__builtin_sub_overflow(end.to_int64(), start.to_int64(), &distance),
                      "arange: the distance from {} to {} is too large for int64", start, end);
    check<ValueError>(by != 0, "arange: step is {}, which is 0 as an integer", step);
    count = distance / by + (distance % by != 0);
  } else {
    const double exact = std::ceil((b - a) / s);
    check<ValueError>(exact < 0x1p60, "arange: from {} to {} in steps of {} are {} elements, too many", start,
                      end, step, exact);
    count = static_cast<int64_t>(exact);
  }
  Tensor y = empty_for("arange", {count}, dtype);
  kernels(y.device()).arange(start, step, y.out());
  return y;
}

Tensor linspace(double start, double end, int64_t steps, DType dtype) {
  check<ValueError>(steps >= 0, "linspace: the number of steps is {}, expected 0 or more", steps);
  if (!is_floating(dtype)) {
    start = std::trunc(start);
    end = std::trunc(end);
  }
  Tensor y = empty_for("linspace", {steps}, dtype);
  if (steps == 1) return filled(y, start);
  kernels(y.device()).linspace(start, end, y.out());
  return y;
}

Tensor tensor(std::initializer_list<float> values) {
  return from_values(values.begin(), values.size(), DType::float32);
}
Tensor tensor(std::initializer_list<double> values, DType dtype) {
  return from_values(values.begin(), values.size(), dtype);
}
Tensor tensor(std::initializer_list<int64_t> values) {
  return from_values(values.begin(), values.size(), DType::int64);
}
Tensor tensor(std::initializer_list<int> values) {
  return from_values(values.begin(), values.size(), DType::int64);
}
Tensor tensor(std::initializer_list<bool> values) {
  return from_values(values.begin(), values.size(), DType::bool_);
}

Tensor tensor(std::initializer_list<std::initializer_list<Scalar>> rows) {
  DType dtype = DType::bool_;
  for (const auto& row : rows) {
    for (const Scalar& value : row) dtype = promote(dtype, value.dtype());
  }
  return tensor(rows, rows.size() && rows.begin()->size() ? dtype : DType::float32);
}

Tensor tensor(std::initializer_list<std::initializer_list<Scalar>> rows, DType dtype) {
  const size_t width = rows.size() ? rows.begin()->size() : 0;
  std::vector<double> floating;
  std::vector<int64_t> integers;
  for (const auto& row : rows) {
    check<ShapeError>(row.size() == width, "tensor: rows have {} and {} values, expected one length", width,
                      row.size());
    for (const Scalar& value : row) {
      if (is_floating(dtype)) {
        floating.push_back(value.to_double());
      } else {
        check_fits("tensor", value, dtype);
        integers.push_back(value.to_int64());
      }
    }
  }
  const Tensor flat = is_floating(dtype) ? from_values(floating.data(), floating.size(), dtype)
                                         : from_values(integers.data(), integers.size(), dtype);
  const Shape shape{static_cast<int64_t>(rows.size()), static_cast<int64_t>(width)};
  return make_view(flat, shape, contiguous_strides(shape), 0);
}

Tensor tensor(Scalar value) { return tensor(value, value.dtype()); }
Tensor tensor(Scalar value, DType dtype, Device device) {
  check_fits("tensor", value, dtype);
  return filled(empty({}, dtype, device), value);
}

template <TensorElement T>
Tensor tensor(const std::vector<T>& values) {
  return from_values(values.data(), values.size(), dtype_of<T>());
}
template <>
Tensor tensor(const std::vector<bool>& values) {  // its elements are bits
  const std::vector<uint8_t> bytes(values.begin(), values.end());
  return from_values(bytes.data(), bytes.size(), DType::bool_);
}
template Tensor tensor(const std::vector<float>&);
template Tensor tensor(const std::vector<double>&);
template Tensor tensor(const std::vector<int64_t>&);
template Tensor tensor(const std::vector<int32_t>&);
template Tensor tensor(const std::vector<uint8_t>&);

}  // namespace st
