// Products: every case is brought to one batched product, or to one linear.
#include "spiraltorch/ops/matmul.h"

#include <optional>

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/autocast.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

// A tensor as a kernel is to see it: its own memory, other sizes and strides.
struct Seen {
  Dims sizes, strides;

  In in(const Tensor& x) const {
    In view = x.in();
    view.sizes = &sizes, view.strides = &strides;
    return view;
  }
  Out out(const Tensor& y) const {
    Out view = y.out();
    view.sizes = &sizes, view.strides = &strides;
    return view;
  }
};

// All dimensions but the last `kept` as one, where strides allow; else nothing.
std::optional<Seen> fold(const Tensor& x, int kept) {
  const int leading = static_cast<int>(x.dim()) - kept;
  int64_t size = 1, stride = 0;
  for (int d = leading - 1; d >= 0; --d) {
    if (x.shape()[d] == 1) continue;
    if (size == 1) {
      stride = x.strides()[d];
    } else if (x.strides()[d] != stride * size && x.numel() > 0) {
      return std::nullopt;
    }
    size *= x.shape()[d];
  }
  Seen seen{{size}, {stride}};
  for (int d = leading; d < x.dim(); ++d) {
    seen.sizes.push_back(x.shape()[d]);
    seen.strides.push_back(x.strides()[d]);
  }
  return seen;
}

// The matrices of x repeated over `batch`.
Seen broadcast(Seen x, const Dims& batch) {
  const int own = x.sizes.size() - 2;
  for (int d = 0; d < own; ++d) {
    if (x.sizes[d] == 1) x.strides[d] = 0;
  }
  while (x.sizes.size() - 2 < batch.size()) {
    x.sizes.insert(0, 1);
    x.strides.insert(0, 0);
  }
  for (int d = 0; d < batch.size(); ++d) x.sizes[d] = batch[d];
  return x;
}

// A matrix: a vector stands as a row on the left and as a column on the right.
Seen as_matrix(const Tensor& x, int position_of_one) {
  Seen seen{x.shape(), x.strides()};
  if (x.dim() == 1) {
    seen.sizes.insert(position_of_one, 1);
    seen.strides.insert(position_of_one, 0);
  }
  return seen;
}

Tensor transposed(const Tensor& x) { return transpose(x, -2, -1); }

// matmul under the name of the op that asked for it, of operands that are there, past autocast.
Tensor product(const char* op, const Tensor& a, const Tensor& b) {
  check<ShapeError>(a.dim() >= 1 && b.dim() >= 1,
                    "{}: both arguments need at least one dimension (a: {}, b: {})", op, a.shape(),
                    b.shape());
  check<DTypeError>(a.dtype() == b.dtype(), "{}: both arguments need one dtype, a is {} and b is {}", op,
                    a.dtype(), b.dtype());
  check<DTypeError>(a.dtype() != DType::bool_, "{}: bool tensors are not supported (a: {}, b: {})", op,
                    a.shape(), b.shape());
  const bool a_vector = a.dim() == 1, b_vector = b.dim() == 1;
  Seen left = as_matrix(a, 0), right = as_matrix(b, 1);
  const int l = left.sizes.size() - 2, r = right.sizes.size() - 2;
  const int64_t m = left.sizes[l], k = left.sizes[l + 1], n = right.sizes[r + 1];
  check<ShapeError>(k == right.sizes[r], "{}: a has {} columns, b has {} rows (a: {}, b: {})", op, k,
                    right.sizes[r], a.shape(), b.shape());
  Dims a_batch, b_batch;
  for (int d = 0; d < l; ++d) a_batch.push_back(left.sizes[d]);
  for (int d = 0; d < r; ++d) b_batch.push_back(right.sizes[d]);
  const Dims batch = broadcast_shapes(op, a_batch, b_batch);

  Dims shape = batch;
  if (!a_vector) shape.push_back(m);
  if (!b_vector) shape.push_back(n);
  const Tensor y = empty_for(op, shape, a.dtype(), a.device());
  const std::optional<Seen> rows = r == 0 && l > 0 ? fold(a, 1) : std::nullopt;
  Seen result;
  if (rows) {  // one matrix on the right: one product
    left = *rows;
    result.sizes = {left.sizes[0], n};
  } else {
    left = broadcast(left, batch), right = broadcast(right, batch);
    result.sizes = batch;
    result.sizes.push_back(m);
    result.sizes.push_back(n);
  }
  result.strides = contiguous_strides(result.sizes);
  kernels(a.device()).matmul(left.in(a), right.in(b), result.out(y));

  const Keep keep{b.requires_grad() ? a : Tensor(), a.requires_grad() ? b : Tensor()};
  const bool one_matrix = b.dim() <= 2;
  // The same ops serve first and second derivatives: transposes are views, which the kernels read as they
  // are.
  return record(op, y, {a, b}, keep, [a_vector, b_vector, one_matrix](const Backward& back) -> Grads {
    Tensor x = back.kept(0), w = back.kept(1), g = back.dy(), da, db;
    if (a_vector && b_vector) {
      if (back.needs(0)) da = g * w;
      if (back.needs(1)) db = g * x;
      return {da, db};
    }
    if (a_vector) g = unsqueeze(g, -2);
    if (b_vector) g = unsqueeze(g, -1);
    if (back.needs(0)) {
      da = matmul(g, transposed(b_vector ? unsqueeze(w, 1) : w));
      if (a_vector) da = squeeze(da, -2);
    }
    if (back.needs(1)) {
      if (a_vector) x = unsqueeze(x, 0);
      // The batch of a matrix on the right is summed by the product itself.
      const bool one_product = one_matrix && x.dim() > 2;
      db = one_product ? matmul(transposed(flatten(x, 0, -2)), flatten(g, 0, -2)) : matmul(transposed(x), g);
      if (b_vector) db = squeeze(db, -1);
    }
    return {da, db};
  });
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  check_operands("matmul", {{"a", a}, {"b", b}});
  return product("matmul", autocast(a), autocast(b));
}

Tensor mm(const Tensor& a, const Tensor& b) {
  check_operands("mm", {{"a", a}, {"b", b}});
  check<ShapeError>(a.dim() == 2 && b.dim() == 2, "mm: expected two matrices (a: {}, b: {}); use matmul",
                    a.shape(), b.shape());
  return product("mm", autocast(a), autocast(b));
}

Tensor bmm(const Tensor& a, const Tensor& b) {
  check_operands("bmm", {{"a", a}, {"b", b}});
  check<ShapeError>(a.dim() == 3 && b.dim() == 3 && a.size(0) == b.size(0),
                    "bmm: expected (batch, m, k) and (batch, k, n) (a: {}, b: {}); use matmul", a.shape(),
                    b.shape());
  return product("bmm", autocast(a), autocast(b));
}

Tensor dot(const Tensor& a, const Tensor& b) {
  check_operands("dot", {{"a", a}, {"b", b}});
  check<ShapeError>(a.dim() == 1 && a.shape() == b.shape(),
                    "dot: expected two vectors of one size (a: {}, b: {})", a.shape(), b.shape());
  return product("dot", a, b);
}

namespace {

// dy act'(y)
Tensor through_activation(Activation activation, const Tensor& y, const Tensor& dy) {
  const auto fused = [&](Unary op) {
    Tensor g = empty_like(dy);
    kernels(dy.device()).unary_backward(op, y.in(), dy.in(), g.out());
    return g;
  };
  const bool composed = grad_enabled();
  switch (activation) {
    case Activation::none:
      break;
    case Activation::relu:
      return composed ? where(y <= 0, 0.0, dy) : fused(Unary::relu);
    case Activation::tanh:
      return composed ? dy * (1 - y * y) : fused(Unary::tanh);
    case Activation::sigmoid:
      return composed ? dy * (1 - y) * y : fused(Unary::sigmoid);
  }
  return dy;
}

void check_linear(const Tensor& x, const Tensor& weight, const Tensor& bias,
                  const LinearFuncOptions& options) {
  check<ShapeError>(weight.dim() == 2, "linear: weight is (out, in), two dimensions (weight: {})",
                    weight.shape());
  check<ShapeError>(x.dim() >= 1, "linear: x needs at least one dimension (x: {}, weight: {})", x.shape(),
                    weight.shape());
  const int64_t out = weight.shape()[0], in = weight.shape()[1];
  check<ShapeError>(x.shape().back() == in,
                    "linear: last dimension of x is {}, weight expects {} (x: {}, weight: {})",
                    x.shape().back(), in, x.shape(), weight.shape());
  check<ShapeError>(!bias.defined() || bias.shape() == Dims{out},
                    "linear: bias is {}, weight expects ({},) (weight: {})",
                    bias.defined() ? bias.shape() : Dims(), out, weight.shape());
  const DType dtype = x.dtype();
  check<DTypeError>(weight.dtype() == dtype && (!bias.defined() || bias.dtype() == dtype),
                    "linear: all arguments need one dtype, x is {}, weight {}, bias {}", dtype,
                    weight.dtype(), bias.defined() ? bias.dtype() : dtype);
  check<DTypeError>(dtype != DType::bool_, "linear: bool tensors are not supported (x: {})", x.shape());
  check<DTypeError>(options.activation == Activation::none || is_floating(dtype),
                    "linear: an activation needs a floating dtype, x is {}", dtype);
}

}  // namespace

Tensor linear(const Tensor& x_in, const Tensor& weight_in, const Tensor& bias_in,
              const LinearFuncOptions& options) {
  check_operands("linear", {{"x", x_in}, {"weight", weight_in}, {"bias", bias_in, true}});
  const Tensor x = autocast(x_in), weight = autocast_weight(weight_in), bias = autocast_weight(bias_in);
  check_linear(x, weight, bias, options);
  const Activation activation = options.activation;
  const int64_t out = weight.shape()[0];
  Dims shape = x.shape();
  shape[shape.size() - 1] = out;
  const Tensor y = empty_for("linear", shape, x.dtype(), x.device());

  const Kernels& table = kernels(x.device());
  std::optional<Seen> rows = fold(x, 1);
  Tensor source = x;
  if (!rows) {
    source = empty(x.shape(), x.dtype(), x.device());
    table.copy(x.in(), source.out());
    rows = fold(source, 1);
  }
  Seen result{{rows->sizes[0], out}, {out, 1}};
  table.linear(rows->in(source), weight.in(), bias.in(), activation, result.out(y));

  const Keep keep{weight.requires_grad() ? x : Tensor(), x.requires_grad() ? weight : Tensor(),
                  activation == Activation::none ? Tensor() : y};
  return record("linear", y, {x, weight, bias}, keep, [activation](const Backward& back) -> Grads {
    Tensor in = back.kept(0), dx, dw, db;
    const Tensor w = back.kept(1), g = through_activation(activation, back.kept(2), back.dy());
    const int dims = static_cast<int>(g.dim());
    if (back.needs(0)) dx = matmul(g, w);
    if (back.needs(1)) {
      const auto matrix = [dims](const Tensor& t) { return dims == 1 ? unsqueeze(t, 0) : flatten(t, 0, -2); };
      dw = matmul(transposed(matrix(g)), matrix(in));
    }
    if (back.needs(2)) {
      Dims leading;
      for (int d = 0; d + 1 < dims; ++d) leading.push_back(d);
      db = leading.empty() ? g : sum(g, leading);
    }
    return {dx, dw, db};
  });
}

}  // namespace st
