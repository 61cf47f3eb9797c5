// The handle: metadata, access to elements, fresh memory and views.
#include "spiraltorch/tensor/tensor.h"

#include <algorithm>
#include <new>

#include "spiraltorch/backend/registry.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

// The strides of dense memory visited in the order of `strides`, or row-major where x has gaps or overlaps.
Strides dense_strides_like(const Shape& shape, const Strides& strides) {
  int64_t covered = 1;
  Dims order;  // dimensions of size > 1, innermost first
  for (int d = shape.size() - 1; d >= 0; --d) {
    if (shape[d] == 0) return contiguous_strides(shape);
    if (shape[d] == 1) continue;
    int at = order.size();
    while (at > 0 && strides[static_cast<int>(order[at - 1])] > strides[d]) --at;
    order.insert(at, d);
  }
  for (int64_t d : order) {
    if (strides[static_cast<int>(d)] != covered) return contiguous_strides(shape);
    covered *= shape[static_cast<int>(d)];
  }
  return strides;
}

std::shared_ptr<TensorImpl> make_impl(std::shared_ptr<Storage> storage, const Shape& shape,
                                      const Strides& strides, int64_t offset, DType dtype) {
  auto impl = std::make_shared<TensorImpl>();
  impl->storage = std::move(storage);
  impl->shape = shape;
  impl->strides = strides;
  impl->offset = offset;
  impl->numel = numel_of(shape);
  impl->dtype = dtype;
  return impl;
}

// The bytes of a shape; refuses negative sizes and products that overflow.
size_t checked_bytes(const char* op, const Shape& shape, DType dtype) {
  size_t bytes = item_size(dtype);
  bool empty = false;
  for (int64_t size : shape) {
    check<ShapeError>(size >= 0, "{}: the shape {} has a negative size", op, shape);
    if (size == 0) empty = true;
  }
  for (int64_t size : shape) {  // strides must fit even where a size is 0
    const size_t factor = static_cast<size_t>(std::max<int64_t>(size, 1));
    check<ShapeError>(!__builtin_mul_overflow(bytes, factor, &bytes) && bytes <= INT64_MAX,
                      "{}: the shape {} has more elements than memory can address", op, shape);
  }
  return empty ? 0 : bytes;
}

// Whether no element of such a view lies outside of the storage.
bool stays_inside(const Storage& storage, DType dtype, const Shape& shape, const Strides& strides,
                  int64_t offset) {
  __int128 first = offset, last = offset;
  for (int d = 0; d < shape.size(); ++d) {
    if (shape[d] == 0) return true;
    const __int128 reach = static_cast<__int128>(shape[d] - 1) * strides[d];
    (reach < 0 ? first : last) += reach;
  }
  return first >= 0 && (last + 1) * static_cast<__int128>(item_size(dtype)) <= storage.bytes();
}

}  // namespace

void Tensor::throw_undefined(const char* method) { fail<ValueError>("{}: the tensor is undefined", method); }

bool Tensor::is_contiguous() const {
  const TensorImpl& x = impl("is_contiguous");
  if (x.numel == 0) return true;
  int64_t step = 1;
  for (int d = x.shape.size() - 1; d >= 0; --d) {
    if (x.shape[d] == 1) continue;
    if (x.strides[d] != step) return false;
    step *= x.shape[d];
  }
  return true;
}

In Tensor::in() const {
  if (!impl_) return {};
  const char* base = static_cast<const char*>(impl_->storage->data());
  return {base + impl_->offset * static_cast<int64_t>(item_size(impl_->dtype)), impl_->dtype, &impl_->shape,
          &impl_->strides, impl_->storage.get()};
}

Out Tensor::out() const {
  TensorImpl& x = impl("out");
  check_not_read_only("out", "the tensor", *this);
  x.storage->bump_version();
  char* base = static_cast<char*>(x.storage->data());
  return {base + x.offset * static_cast<int64_t>(item_size(x.dtype)), x.dtype, &x.shape, &x.strides};
}

const void* Tensor::checked_data(const char* method, DType dtype) const {
  const TensorImpl& x = impl(method);
  check<DTypeError>(dtype == x.dtype, "{}: the tensor is {}, {} was asked for", method, x.dtype, dtype);
  check<ValueError>(is_contiguous(),
                    "{}: the tensor {} with strides {} is not contiguous; call contiguous() or to_vector()",
                    method, x.shape, x.strides);
  check<ValueError>(device() == Device::cpu,
                    "{}: the tensor {} is on {}; call to(Device::cpu) or to_vector()", method, x.shape,
                    device());
  return in().data;
}

void* Tensor::checked_mutable_data(DType dtype) const {
  checked_data("mutable_data", dtype);
  check_not_read_only("mutable_data", "the tensor", *this);
  return out().data;
}

template <class T>
T Tensor::item() const {
  const TensorImpl& x = impl("item");
  check<ValueError>(x.numel == 1, "item: a tensor with one element is needed, this one has {} (shape {})",
                    x.numel, x.shape);
  return to_vector<T>()[0];
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  const size_t n = static_cast<size_t>(impl("to_vector").numel);
  const Tensor row_major = empty(shape(), dtype_of<T>(), device());
  kernels(device()).copy(in(), row_major.out());
  if (device() == Device::cpu) {
    const T* first = static_cast<const T*>(row_major.in().data);
    return std::vector<T>(first, first + n);
  }
  const Tensor host = empty(shape(), dtype_of<T>());
  backend(device()).to_host(host.out().data, row_major.in().data, n * sizeof(T));
  return host.to_vector<T>();
}

template float Tensor::item<float>() const;
template double Tensor::item<double>() const;
template int64_t Tensor::item<int64_t>() const;
template int32_t Tensor::item<int32_t>() const;
template uint8_t Tensor::item<uint8_t>() const;
template bool Tensor::item<bool>() const;
template bfloat16 Tensor::item<bfloat16>() const;
template float16 Tensor::item<float16>() const;
template long long Tensor::item<long long>() const;
template std::vector<float> Tensor::to_vector<float>() const;
template std::vector<double> Tensor::to_vector<double>() const;
template std::vector<int64_t> Tensor::to_vector<int64_t>() const;
template std::vector<int32_t> Tensor::to_vector<int32_t>() const;
template std::vector<uint8_t> Tensor::to_vector<uint8_t>() const;
template std::vector<bool> Tensor::to_vector<bool>() const;
template std::vector<bfloat16> Tensor::to_vector<bfloat16>() const;
template std::vector<float16> Tensor::to_vector<float16>() const;
template std::vector<long long> Tensor::to_vector<long long>() const;

Tensor empty_for(const char* op, const Shape& shape, const Strides& strides, DType dtype, Device device) {
  const size_t bytes = checked_bytes(op, shape, dtype);
  std::shared_ptr<Storage> storage;
  try {
    storage = Storage::allocate(device, bytes);
  } catch (const std::bad_alloc&) {
    fail<Error>("{}: there is no memory for the {} bytes of {} {}", op, bytes, dtype, shape);
  }
  return Tensor(make_impl(std::move(storage), shape, strides, 0, dtype));
}

void throw_operands(const char* op, std::initializer_list<Operand> operands) {
  const Operand* first = nullptr;
  for (const Operand& operand : operands) {
    const bool defined = operand.tensor.defined();
    check<ValueError>(defined || operand.optional, "{}: {} is undefined", op, operand.name);
    if (!defined) continue;
    if (!first) first = &operand;
    check<ValueError>(operand.tensor.device() == first->tensor.device(),
                      "{}: {} is on {} and {} on {}; move one of them with to(device)", op, first->name,
                      first->tensor.device(), operand.name, operand.tensor.device());
  }
}

Tensor empty(const Shape& shape, DType dtype, Device device) {
  return empty_for("empty", shape, contiguous_strides(shape), dtype, device);
}

Tensor empty_strided(const Shape& shape, const Strides& strides, DType dtype, Device device) {
  checked_bytes("empty_strided", shape, dtype);
  check<ShapeError>(strides.size() == shape.size() &&
                        (numel_of(shape) == 0 || dense_strides_like(shape, strides) == strides),
                    "empty_strided: strides {} do not cover the shape {} without gaps", strides, shape);
  return empty_for("empty_strided", shape, strides, dtype, device);
}

Tensor empty_like(const Tensor& x) {
  check_operands("empty_like", {{"x", x}});
  return empty_like(x, x.dtype(), x.device());
}

Tensor empty_like(const Tensor& x, DType dtype) {
  check_operands("empty_like", {{"x", x}});
  return empty_like(x, dtype, x.device());
}

Tensor empty_like(const Tensor& x, DType dtype, Device device) {
  check_operands("empty_like", {{"x", x}});
  return empty_for("empty_like", x.shape(), dense_strides_like(x.shape(), x.strides()), dtype, device);
}

Tensor make_view(const Tensor& x, const Shape& shape, const Strides& strides, int64_t offset) {
  check<ValueError>(x.defined(), "make_view: x is undefined");
  for (int64_t size : shape)
    check<ShapeError>(size >= 0, "make_view: the shape {} has a negative size", shape);
  check<ShapeError>(
      strides.size() == shape.size() && stays_inside(*x.storage(), x.dtype(), shape, strides, offset),
      "make_view: shape {} with strides {} from element {} on leaves the storage's {} bytes of {}", shape,
      strides, offset, x.storage()->bytes(), x.dtype());
  return Tensor(make_impl(x.storage(), shape, strides, offset, x.dtype()));
}

Tensor from_blob(void* data, const Shape& shape, DType dtype, std::function<void(void*)> release) {
  const size_t bytes = checked_bytes("from_blob", shape, dtype);
  check<ValueError>(data != nullptr || bytes == 0, "from_blob: data is null for the shape {}", shape);
  return Tensor(make_impl(Storage::external(data, bytes, std::move(release), false), shape,
                          contiguous_strides(shape), 0, dtype));
}

}  // namespace st
