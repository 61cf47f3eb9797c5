// Tensor's computing methods and operators: one-line forwards. The free function is the truth.
#include "spiraltorch/ops/activation.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/arrange.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/index.h"
#include "spiraltorch/ops/indexing.h"
#include "spiraltorch/ops/inplace.h"
#include "spiraltorch/ops/mask.h"
#include "spiraltorch/ops/matmul.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/scan.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/ops/softmax.h"
#include "spiraltorch/ops/sort.h"
#include "spiraltorch/ops/variance.h"
#include "spiraltorch/ops/vector_norm.h"
#include "spiraltorch/tensor/operands.h"

namespace st {

Tensor& Tensor::operator+=(const Tensor& other) & { return rebind(*this, "+=", st::add(*this, other)); }
Tensor& Tensor::operator+=(Scalar other) & { return rebind(*this, "+=", st::add(*this, other)); }
Tensor& Tensor::operator-=(const Tensor& other) & { return rebind(*this, "-=", st::sub(*this, other)); }
Tensor& Tensor::operator-=(Scalar other) & { return rebind(*this, "-=", st::sub(*this, other)); }
Tensor& Tensor::operator*=(const Tensor& other) & { return rebind(*this, "*=", st::mul(*this, other)); }
Tensor& Tensor::operator*=(Scalar other) & { return rebind(*this, "*=", st::mul(*this, other)); }
Tensor& Tensor::operator/=(const Tensor& other) & { return rebind(*this, "/=", st::div(*this, other)); }
Tensor& Tensor::operator/=(Scalar other) & { return rebind(*this, "/=", st::div(*this, other)); }
Tensor Tensor::operator-() const { return st::neg(*this); }
Tensor Tensor::operator[](int64_t i) const { return st::select(*this, 0, i); }

Tensor Tensor::reshape(const Shape& shape) const { return st::reshape(*this, shape); }
Tensor Tensor::view(const Shape& shape) const { return st::view(*this, shape); }
Tensor Tensor::flatten(int64_t start_dim, int64_t end_dim) const {
  return st::flatten(*this, start_dim, end_dim);
}
Tensor Tensor::permute(const Dims& dims) const { return st::permute(*this, dims); }
Tensor Tensor::transpose(int64_t dim0, int64_t dim1) const { return st::transpose(*this, dim0, dim1); }
Tensor Tensor::t() const { return st::t(*this); }
Tensor Tensor::squeeze(const Axes& dims) const { return st::squeeze(*this, dims); }
Tensor Tensor::unsqueeze(int64_t dim) const { return st::unsqueeze(*this, dim); }
Tensor Tensor::expand(const Shape& shape) const { return st::expand(*this, shape); }
Tensor Tensor::expand_as(const Tensor& other) const {
  check_operands("expand_as", {{"x", *this}, {"other", other}});
  check<ShapeError>(broadcast_shapes("expand_as", shape(), other.shape()) == other.shape(),
                    "expand_as: x of shape {} does not broadcast to {}", shape(), other.shape());
  return st::expand(*this, other.shape());
}
Tensor Tensor::narrow(int64_t dim, int64_t start, int64_t length) const {
  return st::narrow(*this, dim, start, length);
}
Tensor Tensor::select(int64_t dim, int64_t index) const { return st::select(*this, dim, index); }
Tensor Tensor::slice(int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end,
                     int64_t step) const {
  return st::slice(*this, dim, start, end, step);
}
Tensor Tensor::index(std::initializer_list<Index> indices) const { return st::index(*this, indices); }
Tensor Tensor::index_select(int64_t dim, const Tensor& index) const {
  return st::index_select(*this, dim, index);
}
Tensor Tensor::gather(int64_t dim, const Tensor& index) const { return st::gather(*this, dim, index); }
Tensor Tensor::scatter(int64_t dim, const Tensor& index, const Tensor& source) const {
  return st::scatter(*this, dim, index, source);
}
Tensor Tensor::scatter(int64_t dim, const Tensor& index, Scalar value) const {
  return st::scatter(*this, dim, index, value);
}
Tensor Tensor::scatter_add(int64_t dim, const Tensor& index, const Tensor& source) const {
  return st::scatter_add(*this, dim, index, source);
}
Tensor Tensor::index_add(int64_t dim, const Tensor& index, const Tensor& source) const {
  return st::index_add(*this, dim, index, source);
}
std::vector<Tensor> Tensor::split(int64_t size, int64_t dim) const { return st::split(*this, size, dim); }
std::vector<Tensor> Tensor::split(const std::vector<int64_t>& sizes, int64_t dim) const {
  return st::split(*this, sizes, dim);
}
std::vector<Tensor> Tensor::chunk(int64_t chunks, int64_t dim) const { return st::chunk(*this, chunks, dim); }
std::vector<Tensor> Tensor::unbind(int64_t dim) const { return st::unbind(*this, dim); }
Tensor Tensor::clone() const { return st::clone(*this); }
Tensor Tensor::contiguous() const { return st::contiguous(*this); }
Tensor Tensor::to(DType dtype) const { return st::to(*this, dtype); }
Tensor Tensor::to(Device device) const { return st::to(*this, device); }
Tensor Tensor::sum_to_size(const Shape& shape) const { return st::sum_to_size(*this, shape); }
Tensor Tensor::add(const Tensor& other) const { return st::add(*this, other); }
Tensor Tensor::sub(const Tensor& other) const { return st::sub(*this, other); }
Tensor Tensor::mul(const Tensor& other) const { return st::mul(*this, other); }
Tensor Tensor::div(const Tensor& other) const { return st::div(*this, other); }
Tensor Tensor::add(Scalar other) const { return st::add(*this, other); }
Tensor Tensor::sub(Scalar other) const { return st::sub(*this, other); }
Tensor Tensor::mul(Scalar other) const { return st::mul(*this, other); }
Tensor Tensor::div(Scalar other) const { return st::div(*this, other); }
Tensor Tensor::pow(const Tensor& exponent) const { return st::pow(*this, exponent); }
Tensor Tensor::pow(Scalar exponent) const { return st::pow(*this, exponent); }
Tensor Tensor::neg() const { return st::neg(*this); }
Tensor Tensor::abs() const { return st::abs(*this); }
Tensor Tensor::exp() const { return st::exp(*this); }
Tensor Tensor::log() const { return st::log(*this); }
Tensor Tensor::sqrt() const { return st::sqrt(*this); }
Tensor Tensor::tanh() const { return st::tanh(*this); }
Tensor Tensor::sigmoid() const { return st::sigmoid(*this); }
Tensor Tensor::relu() const { return st::relu(*this); }
Tensor Tensor::clamp(std::optional<Scalar> min, std::optional<Scalar> max) const {
  return st::clamp(*this, min, max);
}
Tensor Tensor::maximum(const Tensor& other) const { return st::maximum(*this, other); }
Tensor Tensor::minimum(const Tensor& other) const { return st::minimum(*this, other); }
Tensor Tensor::eq(const Tensor& other) const { return st::eq(*this, other); }
Tensor Tensor::eq(Scalar other) const { return st::eq(*this, other); }
Tensor Tensor::matmul(const Tensor& other) const { return st::matmul(*this, other); }
Tensor Tensor::flip(const Dims& dims) const { return st::flip(*this, dims); }
Tensor Tensor::roll(const Dims& shifts, const Dims& dims) const { return st::roll(*this, shifts, dims); }
Tensor Tensor::repeat(const Dims& sizes) const { return st::repeat(*this, sizes); }
Tensor Tensor::repeat_interleave(int64_t repeats, std::optional<int64_t> dim) const {
  return st::repeat_interleave(*this, repeats, dim);
}
Tensor Tensor::tril(int64_t diagonal) const { return st::tril(*this, diagonal); }
Tensor Tensor::triu(int64_t diagonal) const { return st::triu(*this, diagonal); }
Tensor Tensor::masked_fill(const Tensor& mask, Scalar value) const {
  return st::masked_fill(*this, mask, value);
}
Tensor Tensor::masked_fill(const Tensor& mask, const Tensor& value) const {
  return st::masked_fill(*this, mask, value);
}
Tensor Tensor::rsqrt() const { return st::rsqrt(*this); }
Tensor Tensor::square() const { return st::square(*this); }
Tensor Tensor::floor() const { return st::floor(*this); }
Tensor Tensor::ceil() const { return st::ceil(*this); }
Tensor Tensor::round() const { return st::round(*this); }
Tensor Tensor::trunc() const { return st::trunc(*this); }
Tensor Tensor::isinf() const { return st::isinf(*this); }
Tensor Tensor::logical_and(const Tensor& other) const { return st::logical_and(*this, other); }
Tensor Tensor::logical_or(const Tensor& other) const { return st::logical_or(*this, other); }
Tensor Tensor::logical_xor(const Tensor& other) const { return st::logical_xor(*this, other); }
Tensor Tensor::mm(const Tensor& other) const { return st::mm(*this, other); }
Tensor Tensor::bmm(const Tensor& other) const { return st::bmm(*this, other); }
Tensor Tensor::dot(const Tensor& other) const { return st::dot(*this, other); }
Tensor Tensor::var(const Axes& dims, KeepDim keep) const { return st::var(*this, dims, keep); }
Tensor Tensor::std(const Axes& dims, KeepDim keep) const { return st::std(*this, dims, keep); }
Tensor Tensor::norm(double p, const Axes& dims, KeepDim keep) const { return st::norm(*this, p, dims, keep); }
Tensor Tensor::logsumexp(const Axes& dims, KeepDim keep) const { return st::logsumexp(*this, dims, keep); }
Tensor Tensor::cumsum(int64_t dim, std::optional<DType> dtype) const { return st::cumsum(*this, dim, dtype); }
Tensor Tensor::cumprod(int64_t dim, std::optional<DType> dtype) const {
  return st::cumprod(*this, dim, dtype);
}
ValueIndex Tensor::sort(int64_t dim, bool descending) const { return st::sort(*this, dim, descending); }
Tensor Tensor::argsort(int64_t dim, bool descending) const { return st::argsort(*this, dim, descending); }
ValueIndex Tensor::topk(int64_t k, int64_t dim, bool largest, bool sorted) const {
  return st::topk(*this, k, dim, largest, sorted);
}
Tensor Tensor::softmax(int64_t dim, std::optional<DType> dtype) const {
  return st::softmax(*this, dim, dtype);
}
Tensor Tensor::log_softmax(int64_t dim, std::optional<DType> dtype) const {
  return st::log_softmax(*this, dim, dtype);
}
Tensor Tensor::sum(const Axes& dims, KeepDim keep, std::optional<DType> dtype) const {
  return st::sum(*this, dims, keep, dtype);
}
Tensor Tensor::mean(const Axes& dims, KeepDim keep, std::optional<DType> dtype) const {
  return st::mean(*this, dims, keep, dtype);
}
Tensor Tensor::prod(std::optional<DType> dtype) const { return st::prod(*this, dtype); }
Tensor Tensor::prod(int64_t dim, KeepDim keep, std::optional<DType> dtype) const {
  return st::prod(*this, dim, keep, dtype);
}
Tensor Tensor::max() const { return st::max(*this); }
Tensor Tensor::min() const { return st::min(*this); }
ValueIndex Tensor::max(int64_t dim, KeepDim keep) const { return st::max(*this, dim, keep); }
ValueIndex Tensor::min(int64_t dim, KeepDim keep) const { return st::min(*this, dim, keep); }
Tensor Tensor::argmax(std::optional<int64_t> dim, KeepDim keep) const { return st::argmax(*this, dim, keep); }
Tensor Tensor::argmin(std::optional<int64_t> dim, KeepDim keep) const { return st::argmin(*this, dim, keep); }
Tensor Tensor::reciprocal() const { return st::reciprocal(*this); }
Tensor Tensor::sign() const { return st::sign(*this); }
Tensor Tensor::log1p() const { return st::log1p(*this); }
Tensor Tensor::expm1() const { return st::expm1(*this); }
Tensor Tensor::sin() const { return st::sin(*this); }
Tensor Tensor::cos() const { return st::cos(*this); }
Tensor Tensor::erf() const { return st::erf(*this); }
Tensor Tensor::logical_not() const { return st::logical_not(*this); }
Tensor Tensor::isnan() const { return st::isnan(*this); }
Tensor Tensor::isfinite() const { return st::isfinite(*this); }
Tensor Tensor::ne(const Tensor& other) const { return st::ne(*this, other); }
Tensor Tensor::ne(Scalar other) const { return st::ne(*this, other); }
Tensor Tensor::lt(const Tensor& other) const { return st::lt(*this, other); }
Tensor Tensor::lt(Scalar other) const { return st::lt(*this, other); }
Tensor Tensor::le(const Tensor& other) const { return st::le(*this, other); }
Tensor Tensor::le(Scalar other) const { return st::le(*this, other); }
Tensor Tensor::gt(const Tensor& other) const { return st::gt(*this, other); }
Tensor Tensor::gt(Scalar other) const { return st::gt(*this, other); }
Tensor Tensor::ge(const Tensor& other) const { return st::ge(*this, other); }
Tensor Tensor::ge(Scalar other) const { return st::ge(*this, other); }
Tensor Tensor::amax(const Axes& dims, KeepDim keep) const { return st::amax(*this, dims, keep); }
Tensor Tensor::amin(const Axes& dims, KeepDim keep) const { return st::amin(*this, dims, keep); }
Tensor Tensor::any(const Axes& dims, KeepDim keep) const { return st::any(*this, dims, keep); }
Tensor Tensor::all(const Axes& dims, KeepDim keep) const { return st::all(*this, dims, keep); }

const Tensor& Tensor::add_(const Tensor& other, Scalar alpha) const { return st::add_(*this, other, alpha); }
const Tensor& Tensor::sub_(const Tensor& other, Scalar alpha) const { return st::sub_(*this, other, alpha); }
const Tensor& Tensor::mul_(const Tensor& other) const { return st::mul_(*this, other); }
const Tensor& Tensor::div_(const Tensor& other) const { return st::div_(*this, other); }
const Tensor& Tensor::add_(Scalar other) const { return st::add_(*this, other); }
const Tensor& Tensor::sub_(Scalar other) const { return st::sub_(*this, other); }
const Tensor& Tensor::mul_(Scalar other) const { return st::mul_(*this, other); }
const Tensor& Tensor::div_(Scalar other) const { return st::div_(*this, other); }
const Tensor& Tensor::clamp_(std::optional<Scalar> min, std::optional<Scalar> max) const {
  return st::clamp_(*this, min, max);
}
const Tensor& Tensor::fill_(Scalar value) const { return st::fill_(*this, value); }
const Tensor& Tensor::zero_() const { return st::zero_(*this); }
const Tensor& Tensor::masked_fill_(const Tensor& mask, Scalar value) const {
  return st::masked_fill_(*this, mask, value);
}
const Tensor& Tensor::masked_fill_(const Tensor& mask, const Tensor& value) const {
  return st::masked_fill_(*this, mask, value);
}
const Tensor& Tensor::index_put_(std::initializer_list<Index> indices, const Tensor& value) const {
  return st::index_put_(*this, indices, value);
}
const Tensor& Tensor::index_put_(std::initializer_list<Index> indices, Scalar value) const {
  return st::index_put_(*this, indices, value);
}
const Tensor& Tensor::copy_(const Tensor& source) const { return st::copy_(*this, source); }
const Tensor& Tensor::uniform_(double from, double to) const { return st::uniform_(*this, from, to); }
const Tensor& Tensor::normal_(double mean, double std) const { return st::normal_(*this, mean, std); }

}  // namespace st
