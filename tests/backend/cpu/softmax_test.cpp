// The softmax kernels against naive loops in float64: both forms, packing, vector tails, 16-bit types,
// infinities.
#include "spiraltorch/backend/cpu/softmax.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "spiraltorch/core/parallel.h"
#include "spiraltorch/tensor/tensor.h"

namespace st {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

Tensor sample(const Shape& shape, DType dtype, uint64_t state) {
  const Tensor x = empty(shape, dtype);
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (T& v : x.mutable_data<T>()) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      v = convert<T>(static_cast<double>(state >> 33) / 2147483648.0 * 8 - 4);
    }
  });
  return x;
}

// Element i of line l along dim, in logical order of the lines.
template <class F>
decltype(auto) at(const Tensor& x, int dim, int64_t line, int64_t i, const F& f) {
  int64_t offset = x.storage_offset() + i * x.strides()[dim];
  for (int d = static_cast<int>(x.dim()) - 1; d >= 0; --d) {
    if (d == dim) continue;
    offset += line % x.shape()[d] * x.strides()[d];
    line /= x.shape()[d];
  }
  return visit_dtype(x.dtype(), [&](auto tag) {
    return f(static_cast<typename decltype(tag)::type*>(x.storage()->data())[offset]);
  });
}
double get(const Tensor& x, int dim, int64_t line, int64_t i) {
  return at(x, dim, line, i, [](auto& v) { return convert<double>(v); });
}

struct Errors {
  double softmax = 0, log_softmax = 0, softmax_backward = 0, log_softmax_backward = 0;
};

// The largest differences from float64, each kernel given the same inputs.
Errors errors(const Tensor& x, const Tensor& dy, int dim) {
  const Tensor y = empty_like(x), log_y = empty_like(x), dx = empty_like(x), log_dx = empty_like(x);
  cpu::softmax(x.in(), dim, y.out());
  cpu::log_softmax(x.in(), dim, log_y.out());
  cpu::softmax_backward(y.in(), dy.in(), dim, dx.out());
  cpu::log_softmax_backward(log_y.in(), dy.in(), dim, log_dx.out());
  Errors worst;
  const int64_t n = x.shape()[dim], lines = x.numel() / n;
  for (int64_t l = 0; l < lines; ++l) {
    double sum = 0, dot = 0, total = 0;
    for (int64_t i = 0; i < n; ++i) sum += std::exp(get(x, dim, l, i));
    for (int64_t i = 0; i < n; ++i) {
      dot += get(y, dim, l, i) * get(dy, dim, l, i);
      total += get(dy, dim, l, i);
    }
    const auto take = [&](double& error, double got, double want) {
      error = std::max(error, std::abs(got - want));
    };
    for (int64_t i = 0; i < n; ++i) {
      const double xi = get(x, dim, l, i), dyi = get(dy, dim, l, i), yi = get(y, dim, l, i);
      take(worst.softmax, get(y, dim, l, i), std::exp(xi) / sum);
      take(worst.log_softmax, get(log_y, dim, l, i), xi - std::log(sum));
      take(worst.softmax_backward, get(dx, dim, l, i), yi * (dyi - dot));
      take(worst.log_softmax_backward, get(log_dx, dim, l, i), dyi - std::exp(get(log_y, dim, l, i)) * total);
    }
  }
  return worst;
}

void expect_close(const Tensor& x, const Tensor& dy, int dim) {
  SCOPED_TRACE(format_text("{} {} strides {} dim {}",
                           {to_text(x.dtype()), to_text(x.shape()), to_text(x.strides()), to_text(dim)}));
  // Rounding to the dtype of values up to 1, 10, 4 and 4 times the root of the length, and a few steps of the
  // compute type.
  const double eps = x.dtype() == DType::float64    ? 1.2e-16
                     : x.dtype() == DType::float32  ? 6e-8
                     : x.dtype() == DType::bfloat16 ? 4e-3
                                                    : 5e-4;
  const double size = 8 * std::sqrt(static_cast<double>(x.shape()[dim]));
  const Errors e = errors(x, dy, dim);
  EXPECT_LE(e.softmax, 4 * eps);
  EXPECT_LE(e.log_softmax, 16 * eps);
  EXPECT_LE(e.softmax_backward, size * eps);
  EXPECT_LE(e.log_softmax_backward, 2 * size * eps);
}

Tensor view(const Tensor& x, const Shape& shape, const Strides& strides) {
  return make_view(x, shape, strides, 0);
}

TEST(SoftmaxKernel, VectorTailsAlongAndAcross) {
  for (DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::float16}) {
    for (int64_t n : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100}) {
      expect_close(sample({3, n}, dtype, 1), sample({3, n}, dtype, 2), 1);
      expect_close(sample({n, 3}, dtype, 1), sample({n, 3}, dtype, 2), 0);
      expect_close(sample({5, n}, dtype, 1), sample({5, n}, dtype, 2), 0);
      expect_close(sample({2, 5, n}, dtype, 1), sample({2, 5, n}, dtype, 2), 1);
    }
  }
}

TEST(SoftmaxKernel, AnyStridesIn) {
  for (DType dtype : {DType::float32, DType::bfloat16}) {
    const Tensor x = sample({4, 6, 40}, dtype, 1), dy = sample({4, 6, 40}, dtype, 2);
    for (int dim = 0; dim < 3; ++dim) {
      expect_close(view(x, {40, 4, 6}, {1, 240, 40}), view(dy, {40, 4, 6}, {1, 240, 40}), dim);
      expect_close(view(x, {4, 6, 20}, {240, 40, 2}), view(dy, {4, 6, 20}, {240, 40, 1}), dim);
      expect_close(view(x, {4, 6, 20}, {240, 0, 1}), view(dy, {4, 6, 20}, {0, 0, 0}), dim);
    }
  }
}

TEST(SoftmaxKernel, MixedTypesOfGradients) {
  const Tensor y = sample({5, 33}, DType::float32, 1), dy = sample({5, 33}, DType::float64, 2);
  const Tensor dx = empty_like(y);
  cpu::softmax_backward(y.in(), dy.in(), 1, dx.out());
  double dot = 0;
  for (int i = 0; i < 33; ++i) dot += get(y, 1, 0, i) * get(dy, 1, 0, i);
  EXPECT_NEAR(get(dx, 1, 0, 7), get(y, 1, 0, 7) * (get(dy, 1, 0, 7) - dot), 1e-4);
}

// torch.softmax(x, 1) and torch.log_softmax(x, 1) of these rows; the same down the columns of the transpose.
TEST(SoftmaxKernel, InfinitiesAndNaNAsInPyTorch) {
  const float rows[5][3] = {{1, 2, 3}, {-kInf, -kInf, -kInf}, {kInf, 1, 2}, {kNaN, 1, 2}, {-kInf, 0, 0}};
  const float soft[5][3] = {{0.09003057f, 0.24472848f, 0.66524094f},
                            {kNaN, kNaN, kNaN},
                            {kNaN, kNaN, kNaN},
                            {kNaN, kNaN, kNaN},
                            {0, 0.5f, 0.5f}};
  const float logs[5][3] = {{-2.40760596f, -1.40760596f, -0.40760596f},
                            {kNaN, kNaN, kNaN},
                            {kNaN, kNaN, kNaN},
                            {kNaN, kNaN, kNaN},
                            {-kInf, -0.69314718f, -0.69314718f}};
  const Tensor x = empty({5, 3});
  std::memcpy(x.mutable_data<float>().data(), rows, sizeof rows);
  const Tensor turned = empty({3, 5});
  for (size_t r = 0; r < 5; ++r) {
    for (size_t c = 0; c < 3; ++c) turned.mutable_data<float>()[c * 5 + r] = rows[r][c];
  }
  for (int dim : {1, 0}) {
    const Tensor& in = dim == 1 ? x : turned;
    const Tensor y = empty_like(in), log_y = empty_like(in);
    cpu::softmax(in.in(), dim, y.out());
    cpu::log_softmax(in.in(), dim, log_y.out());
    for (int64_t r = 0; r < 5; ++r) {
      for (int64_t c = 0; c < 3; ++c) {
        const auto same = [](double got, float want) {
          return std::isnan(want) ? std::isnan(got) : got == want || std::abs(got - want) < 3e-7;
        };
        EXPECT_TRUE(same(get(y, dim, r, c), soft[r][c]))
            << dim << " " << r << " " << c << ": " << get(y, dim, r, c);
        EXPECT_TRUE(same(get(log_y, dim, r, c), logs[r][c]))
            << dim << " " << r << " " << c << ": " << get(log_y, dim, r, c);
      }
    }
  }
}

TEST(SoftmaxKernel, LargeNumbersKeepTheirDigits) {
  const Tensor x = empty({2}), y = empty({2});
  x.mutable_data<float>()[0] = 1e4f;
  x.mutable_data<float>()[1] = 1e4f - 1;
  cpu::log_softmax(x.in(), 0, y.out());
  EXPECT_NEAR(y.data<float>()[0], -0.31326168f, 1e-7);
  EXPECT_NEAR(y.data<float>()[1], -1.31326168f, 2e-7);
}

TEST(SoftmaxKernel, EmptyAndZeroDim) {
  for (const Shape& shape : {Shape{0}, Shape{0, 3}, Shape{3, 0}}) {
    const Tensor x = empty(shape);
    cpu::softmax(x.in(), 0, empty_like(x).out());
  }
  const Tensor x = sample({}, DType::float32, 1), y = empty({});
  cpu::softmax(x.in(), 0, y.out());
  EXPECT_EQ(y.data<float>()[0], 1);
}

TEST(SoftmaxKernel, ThreadsChangeNoBit) {
  const int before = num_threads();
  for (int dim : {0, 1}) {
    const Tensor x = sample({700, 500}, DType::float32, 3), one = empty_like(x), two = empty_like(x);
    set_num_threads(1);
    cpu::softmax(x.in(), dim, one.out());
    set_num_threads(2);
    cpu::softmax(x.in(), dim, two.out());
    EXPECT_EQ(std::memcmp(one.in().data, two.in().data, 700 * 500 * sizeof(float)), 0);
  }
  set_num_threads(before);
}

}  // namespace
}  // namespace st
