// Tensor: a handle to an N-dimensional array. It owns shape, strides and a share of a Storage, and nothing
// here computes: operators and computing methods are declared here and defined in ops/tensor_methods.cpp as
// one-line forwards to the free functions, which are the truth. Gradients and hooks are defined in autograd/.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "spiraltorch/backend/storage.h"
#include "spiraltorch/backend/view.h"
#include "spiraltorch/core/check.h"
#include "spiraltorch/core/device.h"
#include "spiraltorch/core/dims.h"
#include "spiraltorch/core/dtype.h"
#include "spiraltorch/core/scalar.h"

namespace [[gnu::visibility("default")]] st {

class Tensor;
class Index;
struct AutogradMeta;
struct BackwardOptions;
struct ValueIndex;

/// What the handles of one tensor share.
struct TensorImpl {
  std::shared_ptr<Storage> storage;
  Shape shape;
  Strides strides;     // in elements
  int64_t offset = 0;  // of the first element in the storage, in elements
  int64_t numel = 0;
  DType dtype = DType::float32;
  std::shared_ptr<AutogradMeta> autograd;  // null while the tensor takes no part in autograd
};

/// A gradient hook: it is given the gradient and returns its replacement, or an undefined tensor to leave it.
using GradHook = std::function<Tensor(const Tensor& grad)>;

/// A handle to an array of elements of one DType: copies share it. `const` means that the handle cannot be
/// rebound, not that the elements cannot change. A default-made Tensor is undefined; it is legal only where
/// something is optional.
///
/// Only methods whose name ends in `_` and mutable_data write to elements. They throw ValueError where
/// autograd would have to record the write: write `x = x + y` there. Differs from PyTorch: `x += y` rebinds x
/// to x + y; other handles of x keep the old values.
class Tensor {
 public:
  Tensor() = default;
  Tensor(const Tensor&) = default;
  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(const Tensor&) & = default;
  Tensor& operator=(Tensor&&) & noexcept = default;
  ~Tensor() = default;

  // --- what it is ---
  bool defined() const { return impl_ != nullptr; }
  const Shape& shape() const { return impl("shape").shape; }
  const Shape& sizes() const { return impl("sizes").shape; }
  const Strides& strides() const { return impl("strides").strides; }
  /// The size of one dimension; negative dimensions count from the end. Throws IndexError.
  int64_t size(int64_t dim) const {
    const Shape& s = impl("size").shape;
    return s[normalize_dim("size", dim, s.size())];
  }
  int64_t stride(int64_t dim) const {
    const Strides& s = impl("stride").strides;
    return s[normalize_dim("stride", dim, s.size())];
  }
  int64_t dim() const { return impl("dim").shape.size(); }
  int64_t numel() const { return impl("numel").numel; }
  DType dtype() const { return impl("dtype").dtype; }
  Device device() const { return impl("device").storage->device(); }
  int64_t storage_offset() const { return impl("storage_offset").offset; }
  /// Row-major without gaps.
  bool is_contiguous() const;
  bool is_floating_point() const { return is_floating(impl("is_floating_point").dtype); }
  /// Whether both are handles of the same tensor.
  bool is_same(const Tensor& other) const { return impl_ == other.impl_; }
  /// Counts the writes to the storage, which views share.
  uint64_t version() const { return impl("version").storage->version(); }
  /// As PyTorch prints it.
  std::string to_string() const;

  // --- its elements ---
  /// The value of a tensor with one element, converted to T. Throws ValueError if it has more or none.
  template <class T>
  T item() const;
  /// The elements in memory order, read only. T must be the dtype's type (DTypeError), the tensor contiguous
  /// and on the CPU (ValueError).
  template <class T>
  std::span<const T> data() const {
    return {static_cast<const T*>(checked_data("data", dtype_of<T>())), static_cast<size_t>(numel())};
  }
  /// The same to write to; counts as one write. Throws ValueError for read-only memory too.
  template <class T>
  std::span<T> mutable_data() const {
    return {static_cast<T*>(checked_mutable_data(dtype_of<T>())), static_cast<size_t>(numel())};
  }
  /// The elements in logical (row-major) order, converted to T, whatever the strides.
  template <class T>
  std::vector<T> to_vector() const;

  // --- for ops and kernels ---
  In in() const;    // an undefined tensor gives an undefined view
  Out out() const;  // counts as one write; throws ValueError for read-only memory
  const std::shared_ptr<Storage>& storage() const { return impl("storage").storage; }
  const std::shared_ptr<TensorImpl>& handle() const { return impl_; }
  explicit Tensor(std::shared_ptr<TensorImpl> impl) : impl_(std::move(impl)) {}

  // --- autograd (autograd/variable.cpp) ---
  /// Whether gradients flow to it: a leaf that asks for one, or the result of an op on such.
  bool requires_grad() const;
  /// Makes a leaf ask for a gradient (or not). Throws DTypeError for an integer dtype and ValueError for a
  /// non-leaf.
  const Tensor& requires_grad_(bool value = true) const;
  bool is_leaf() const;
  /// What backward added up for this leaf; undefined before.
  Tensor grad() const;
  /// Replaces the gradient; an undefined tensor clears it. Throws ShapeError if the shapes differ.
  void set_grad(const Tensor& grad) const;
  /// The same elements, outside of autograd; shares the storage.
  Tensor detach() const;
  /// Adds d(this)/d(leaf) to the grad() of every leaf below. Needs one element unless options.gradient is
  /// given.
  void backward() const;
  void backward(const BackwardOptions& options) const;
  /// Calls `hook` with the gradient of this tensor when backward has it complete. Returns an id for
  /// remove_hook.
  int64_t register_hook(GradHook hook) const;
  void remove_hook(int64_t id) const;
  /// Makes backward keep the gradient of a tensor that is not a leaf.
  void retain_grad() const;
  /// The name of the op that made it, as "softmax"; empty for a leaf.
  std::string grad_fn_name() const;

  // --- operators (ops/tensor_methods.cpp) ---
  Tensor& operator+=(const Tensor& other) &;
  Tensor& operator-=(const Tensor& other) &;
  Tensor& operator*=(const Tensor& other) &;
  Tensor& operator/=(const Tensor& other) &;
  Tensor& operator+=(Scalar other) &;
  Tensor& operator-=(Scalar other) &;
  Tensor& operator*=(Scalar other) &;
  Tensor& operator/=(Scalar other) &;
  Tensor operator-() const;
  /// select(0, i)
  Tensor operator[](int64_t i) const;

  // --- shape ---
  Tensor reshape(const Shape& shape) const;
  Tensor view(const Shape& shape) const;
  Tensor flatten(int64_t start_dim = 0, int64_t end_dim = -1) const;
  Tensor permute(const Dims& dims) const;
  Tensor transpose(int64_t dim0, int64_t dim1) const;
  Tensor t() const;
  Tensor squeeze(const Axes& dims = {}) const;
  Tensor unsqueeze(int64_t dim) const;
  Tensor expand(const Shape& shape) const;
  Tensor expand_as(const Tensor& other) const;
  Tensor narrow(int64_t dim, int64_t start, int64_t length) const;
  Tensor select(int64_t dim, int64_t index) const;
  Tensor slice(int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step = 1) const;
  Tensor index(std::initializer_list<Index> indices) const;
  Tensor index_select(int64_t dim, const Tensor& index) const;
  Tensor gather(int64_t dim, const Tensor& index) const;
  Tensor scatter(int64_t dim, const Tensor& index, const Tensor& source) const;
  Tensor scatter(int64_t dim, const Tensor& index, Scalar value) const;
  Tensor scatter_add(int64_t dim, const Tensor& index, const Tensor& source) const;
  Tensor index_add(int64_t dim, const Tensor& index, const Tensor& source) const;
  std::vector<Tensor> split(int64_t size, int64_t dim = 0) const;
  std::vector<Tensor> split(const std::vector<int64_t>& sizes, int64_t dim = 0) const;
  std::vector<Tensor> chunk(int64_t chunks, int64_t dim = 0) const;
  std::vector<Tensor> unbind(int64_t dim = 0) const;
  Tensor flip(const Dims& dims) const;
  Tensor roll(const Dims& shifts, const Dims& dims = {}) const;
  Tensor repeat(const Dims& sizes) const;
  Tensor repeat_interleave(int64_t repeats, std::optional<int64_t> dim = {}) const;
  Tensor tril(int64_t diagonal = 0) const;
  Tensor triu(int64_t diagonal = 0) const;
  Tensor masked_fill(const Tensor& mask, Scalar value) const;
  Tensor masked_fill(const Tensor& mask, const Tensor& value) const;

  // --- copies and conversions ---
  Tensor clone() const;
  Tensor contiguous() const;
  Tensor to(DType dtype) const;
  Tensor to(Device device) const;
  /// Sums over the dimensions that broadcasting from `shape` would have stretched.
  Tensor sum_to_size(const Shape& shape) const;

  // --- arithmetic ---
  Tensor add(const Tensor& other) const;
  Tensor sub(const Tensor& other) const;
  Tensor mul(const Tensor& other) const;
  Tensor div(const Tensor& other) const;
  Tensor add(Scalar other) const;
  Tensor sub(Scalar other) const;
  Tensor mul(Scalar other) const;
  Tensor div(Scalar other) const;
  Tensor pow(const Tensor& exponent) const;
  Tensor pow(Scalar exponent) const;
  Tensor neg() const;
  Tensor abs() const;
  Tensor exp() const;
  Tensor log() const;
  Tensor sqrt() const;
  Tensor rsqrt() const;
  Tensor square() const;
  Tensor floor() const;
  Tensor ceil() const;
  Tensor round() const;
  Tensor trunc() const;
  Tensor tanh() const;
  Tensor sigmoid() const;
  Tensor relu() const;
  Tensor clamp(std::optional<Scalar> min, std::optional<Scalar> max = {}) const;
  Tensor maximum(const Tensor& other) const;
  Tensor minimum(const Tensor& other) const;
  Tensor reciprocal() const;
  Tensor sign() const;
  Tensor log1p() const;
  Tensor expm1() const;
  Tensor sin() const;
  Tensor cos() const;
  Tensor erf() const;
  Tensor eq(const Tensor& other) const;
  Tensor ne(const Tensor& other) const;
  Tensor lt(const Tensor& other) const;
  Tensor le(const Tensor& other) const;
  Tensor gt(const Tensor& other) const;
  Tensor ge(const Tensor& other) const;
  Tensor eq(Scalar other) const;
  Tensor ne(Scalar other) const;
  Tensor lt(Scalar other) const;
  Tensor le(Scalar other) const;
  Tensor gt(Scalar other) const;
  Tensor ge(Scalar other) const;
  Tensor logical_not() const;
  Tensor isnan() const;
  Tensor isfinite() const;
  Tensor isinf() const;
  Tensor logical_and(const Tensor& other) const;
  Tensor logical_or(const Tensor& other) const;
  Tensor logical_xor(const Tensor& other) const;
  Tensor matmul(const Tensor& other) const;
  Tensor mm(const Tensor& other) const;
  Tensor bmm(const Tensor& other) const;
  Tensor dot(const Tensor& other) const;
  Tensor softmax(int64_t dim, std::optional<DType> dtype = {}) const;
  Tensor log_softmax(int64_t dim, std::optional<DType> dtype = {}) const;

  // --- reductions ---
  Tensor sum(const Axes& dims = {}, KeepDim keep = false, std::optional<DType> dtype = {}) const;
  Tensor mean(const Axes& dims = {}, KeepDim keep = false, std::optional<DType> dtype = {}) const;
  Tensor prod(std::optional<DType> dtype = {}) const;
  Tensor prod(int64_t dim, KeepDim keep = false, std::optional<DType> dtype = {}) const;
  Tensor max() const;
  Tensor min() const;
  ValueIndex max(int64_t dim, KeepDim keep = false) const;
  ValueIndex min(int64_t dim, KeepDim keep = false) const;
  Tensor argmax(std::optional<int64_t> dim = {}, KeepDim keep = false) const;
  Tensor argmin(std::optional<int64_t> dim = {}, KeepDim keep = false) const;
  Tensor amax(const Axes& dims = {}, KeepDim keep = false) const;
  Tensor amin(const Axes& dims = {}, KeepDim keep = false) const;
  Tensor any(const Axes& dims = {}, KeepDim keep = false) const;
  Tensor all(const Axes& dims = {}, KeepDim keep = false) const;

  Tensor var(const Axes& dims = {}, KeepDim keep = false) const;
  Tensor std(const Axes& dims = {}, KeepDim keep = false) const;
  Tensor norm(double p = 2, const Axes& dims = {}, KeepDim keep = false) const;
  Tensor logsumexp(const Axes& dims, KeepDim keep = false) const;
  Tensor cumsum(int64_t dim, std::optional<DType> dtype = {}) const;
  Tensor cumprod(int64_t dim, std::optional<DType> dtype = {}) const;
  ValueIndex sort(int64_t dim = -1, bool descending = false) const;
  Tensor argsort(int64_t dim = -1, bool descending = false) const;
  ValueIndex topk(int64_t k, int64_t dim = -1, bool largest = true, bool sorted = true) const;

  // --- writes ---
  const Tensor& add_(const Tensor& other, Scalar alpha = 1) const;
  const Tensor& sub_(const Tensor& other, Scalar alpha = 1) const;
  const Tensor& mul_(const Tensor& other) const;
  const Tensor& div_(const Tensor& other) const;
  const Tensor& add_(Scalar other) const;
  const Tensor& sub_(Scalar other) const;
  const Tensor& mul_(Scalar other) const;
  const Tensor& div_(Scalar other) const;
  const Tensor& clamp_(std::optional<Scalar> min, std::optional<Scalar> max = {}) const;
  const Tensor& fill_(Scalar value) const;
  const Tensor& zero_() const;
  const Tensor& copy_(const Tensor& source) const;
  const Tensor& masked_fill_(const Tensor& mask, Scalar value) const;
  const Tensor& masked_fill_(const Tensor& mask, const Tensor& value) const;
  const Tensor& index_put_(std::initializer_list<Index> indices, const Tensor& value) const;
  const Tensor& index_put_(std::initializer_list<Index> indices, Scalar value) const;
  const Tensor& uniform_(double from = 0, double to = 1) const;
  const Tensor& normal_(double mean = 0, double std = 1) const;

 private:
  TensorImpl& impl(const char* method) const {
    if (!impl_) [[unlikely]]
      throw_undefined(method);
    return *impl_;
  }
  [[noreturn]] static void throw_undefined(const char* method);
  const void* checked_data(const char* method, DType dtype) const;
  void* checked_mutable_data(DType dtype) const;

  std::shared_ptr<TensorImpl> impl_;
};

/// Fresh row-major memory of this shape, not initialised. Throws ShapeError for a negative size.
Tensor empty(const Shape& shape, DType dtype = DType::float32, Device device = Device::cpu);

/// Fresh memory with given strides; ShapeError unless they are a permutation of row-major ones.
Tensor empty_strided(const Shape& shape, const Strides& strides, DType dtype, Device device = Device::cpu);

/// Fresh memory with x's shape, dtype and device (or others), and x's dense strides if it has such, else
/// row-major.
Tensor empty_like(const Tensor& x);
Tensor empty_like(const Tensor& x, DType dtype);
Tensor empty_like(const Tensor& x, DType dtype, Device device);

/// Another view of x's storage, from element `offset` on, without autograd; ShapeError if it leaves that.
Tensor make_view(const Tensor& x, const Shape& shape, const Strides& strides, int64_t offset);

/// Memory that belongs to the caller, row-major, seen as a tensor. `release(data)` runs when the last handle
/// goes.
Tensor from_blob(void* data, const Shape& shape, DType dtype, std::function<void(void*)> release = {});
template <class T>
Tensor from_blob(T* data, const Shape& shape, std::function<void(void*)> release = {}) {
  return from_blob(data, shape, dtype_of<T>(), std::move(release));
}

std::ostream& operator<<(std::ostream& os, const Tensor& x);

extern template float Tensor::item<float>() const;
extern template double Tensor::item<double>() const;
extern template int64_t Tensor::item<int64_t>() const;
extern template int32_t Tensor::item<int32_t>() const;
extern template uint8_t Tensor::item<uint8_t>() const;
extern template bool Tensor::item<bool>() const;
extern template bfloat16 Tensor::item<bfloat16>() const;
extern template float16 Tensor::item<float16>() const;
extern template long long Tensor::item<long long>() const;
extern template std::vector<float> Tensor::to_vector<float>() const;
extern template std::vector<double> Tensor::to_vector<double>() const;
extern template std::vector<int64_t> Tensor::to_vector<int64_t>() const;
extern template std::vector<int32_t> Tensor::to_vector<int32_t>() const;
extern template std::vector<uint8_t> Tensor::to_vector<uint8_t>() const;
extern template std::vector<bool> Tensor::to_vector<bool>() const;
extern template std::vector<bfloat16> Tensor::to_vector<bfloat16>() const;
extern template std::vector<float16> Tensor::to_vector<float16>() const;
extern template std::vector<long long> Tensor::to_vector<long long>() const;

}  // namespace st
