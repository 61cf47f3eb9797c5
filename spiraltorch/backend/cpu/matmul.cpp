// The choice, first that fits: products with a vector go to matvec; small ones to our own loops, which start
// sooner than oneDNN can; float32 and bfloat16 to oneDNN; what is left, types and layouts that it does not
// serve, to our own loops again.
#include "spiraltorch/backend/cpu/matmul.h"

#include <algorithm>

#include "spiraltorch/backend/cpu/copy.h"
#include "spiraltorch/backend/cpu/elementwise.h"
#include "spiraltorch/backend/cpu/matvec.h"
#include "spiraltorch/backend/cpu/onednn/matmul.h"
#include "spiraltorch/backend/cpu/reference/gemm.h"
#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/core/check.h"
#include "spiraltorch/core/parallel.h"

namespace st::cpu {
namespace {

using reference::Gemm;

// Below this many multiplications of one product our own loops are done before oneDNN has looked up its
// primitive.
constexpr int64_t kSmall = 48 * 48 * 48;
// Products up to this size share out a batch over the threads; larger ones each use all threads.
constexpr int64_t kOneThread = 128 * 128 * 128;

const char* at(const void* data, int64_t elements, DType dtype) {
  return static_cast<const char*>(data) + elements * static_cast<int64_t>(item_size(dtype));
}

// The vector kernel, where one side is a vector (or a few rows against columns of b that are contiguous).
bool try_matvec(const Gemm& g) {
  if (g.k == 0) return false;
  MatVec v{.dtype = g.dtype, .cols = g.k, .y = g.y, .bias = g.bias, .bias_stride = g.bias_stride};
  if (g.n == 1 && !g.bias) {
    v.rows = g.m;
    v.w = g.a, v.w_row = g.a_row, v.w_col = g.a_col;
    v.x = g.b, v.x_col = g.b_row;
    v.y_row = g.y_row;
    return matvec(v);
  }
  if (g.m > kMostVectors) return false;
  v.rows = g.n, v.count = g.m;
  v.w = g.b, v.w_row = g.b_col, v.w_col = g.b_row;
  v.x = g.a, v.x_vector = g.a_row, v.x_col = g.a_col;
  v.y_vector = g.y_row, v.y_row = g.y_col;
  return matvec(v);
}

void product(const Gemm& g) {
  if (!try_matvec(g)) reference::gemm(g);
}

// The matrices at the last two dimensions, without pointers.
Gemm matrices_of(In a, In b, Out y) {
  const int row = y.sizes->size() - 2, col = row + 1;
  Gemm g{.dtype = y.dtype, .m = (*y.sizes)[row], .n = (*y.sizes)[col], .k = (*a.sizes)[col]};
  g.a_row = (*a.strides)[row], g.a_col = (*a.strides)[col];
  g.b_row = (*b.strides)[row], g.b_col = (*b.strides)[col];
  g.y_row = (*y.strides)[row], g.y_col = (*y.strides)[col];
  return g;
}

void every_product(In a, In b, Out y, const Gemm& matrices) {
  int64_t batch = 1;
  const int dims = y.sizes->size() - 2;
  for (int d = 0; d < dims; ++d) batch *= (*y.sizes)[d];
  const auto run = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t rest = i, a_at = 0, b_at = 0, y_at = 0;
      for (int d = dims - 1; d >= 0; --d) {
        const int64_t position = rest % (*y.sizes)[d];
        rest /= (*y.sizes)[d];
        a_at += position * (*a.strides)[d];
        b_at += position * (*b.strides)[d];
        y_at += position * (*y.strides)[d];
      }
      Gemm g = matrices;
      g.a = at(a.data, a_at, a.dtype);
      g.b = at(b.data, b_at, b.dtype);
      g.y = const_cast<char*>(at(y.data, y_at, y.dtype));
      product(g);
    }
  };
  const int64_t work = matrices.m * matrices.n * std::max<int64_t>(matrices.k, 1);
  if (batch == 1 || work > kOneThread) return run(0, batch);
  parallel_for(batch, std::max<int64_t>(1, 131072 / work), run);
}

// A row-major copy of x in another dtype.
class Converted {
 public:
  Converted(In x, DType dtype)
      : memory_(numel_of(*x.sizes) * static_cast<int64_t>(item_size(dtype))),
        strides_(contiguous_strides(*x.sizes)),
        in_{memory_.data(), dtype, x.sizes, &strides_, nullptr} {
    copy(x, {memory_.data(), dtype, x.sizes, &strides_});
  }
  Converted(const Converted&) = delete;
  Converted& operator=(const Converted&) = delete;
  In in() const { return in_; }

 private:
  Scratch<std::byte> memory_;
  Strides strides_;
  In in_;
};

void activate(Activation activation, Out y) {
  const In in{y.data, y.dtype, y.sizes, y.strides, nullptr};
  switch (activation) {
    case Activation::none:
      return;
    case Activation::relu:
      return unary(Unary::relu, in, y);
    case Activation::tanh:
      return unary(Unary::tanh, in, y);
    case Activation::sigmoid:
      return unary(Unary::sigmoid, in, y);
  }
}

}  // namespace

void matmul(In a, In b, Out y) {
  if (numel_of(*y.sizes) == 0) return;
  const Gemm g = matrices_of(a, b, y);
  const bool vectors = g.n == 1 || g.m <= 1;
  const bool large = g.m * g.n * g.k > kSmall;
  if (!vectors && large && onednn::matmul(a, b, y)) return;
  every_product(a, b, y, g);
}

void linear(In x, In w, In bias, Activation activation, Out y) {
  if (numel_of(*y.sizes) == 0) return;
  if (x.dtype != y.dtype) {  // 16 bits into float32
    const bool some = numel_of(*x.sizes) > 0 && onednn::linear(x, w, bias, y);
    return some ? activate(activation, y)
                : linear(Converted(x, y.dtype).in(), Converted(w, y.dtype).in(), bias, activation, y);
  }
  In transposed = w;
  const Dims sizes{(*w.sizes)[1], (*w.sizes)[0]}, strides{(*w.strides)[1], (*w.strides)[0]};
  transposed.sizes = &sizes;
  transposed.strides = &strides;
  Gemm g = matrices_of(x, transposed, y);
  g.a = x.data, g.b = w.data, g.y = y.data;
  if (bias.defined()) g.bias = bias.data, g.bias_stride = (*bias.strides)[0];
  if (!try_matvec(g)) {
    const bool large = g.m * g.n * g.k > kSmall;
    if (!large || !onednn::linear(x, w, bias, y)) reference::gemm(g);
  }
  // Not by a post-op of oneDNN: its relu makes 0 of NaN. So an activation is the same function whoever
  // computed the product, for one more pass over y.
  activate(activation, y);
}

}  // namespace st::cpu
