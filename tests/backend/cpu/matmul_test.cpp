// The product kernels against a naive float64 triple loop: shapes with tails, every layout, every dtype; the
// packed weight's life; what oneDNN says it runs.
//
// Tolerance: a sum of k products in precision eps, in any order, errs by at most k eps (|a| |b|) to first
// order; one more for the bias. A 16-bit result adds its own rounding, eps16 / 2 of the value.
#include "spiraltorch/backend/cpu/matmul.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "spiraltorch/backend/cpu/matvec.h"
#include "spiraltorch/backend/cpu/onednn/matmul.h"
#include "spiraltorch/backend/cpu/reference/gemm.h"
#include "spiraltorch/core/parallel.h"
#include "spiraltorch/tensor/tensor.h"
#include "tests/support/reference.h"

namespace st {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Elements in [-1, 1]; whole numbers in [0, 200] for integers, so that uint8 wraps around.
Tensor sample(const Shape& shape, DType dtype, uint64_t seed) {
  const Tensor x = empty(shape, dtype);
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (T& v : x.mutable_data<T>()) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      const double u = static_cast<double>(seed >> 33) / 2147483648.0;
      v = convert<T>(is_floating(dtype) ? 2 * u - 1 : std::floor(200 * u));
    }
  });
  return x;
}

enum class Layout { rows, columns, spaced, repeated };

// A (m, n) matrix in that layout.
Tensor matrix(int64_t m, int64_t n, DType dtype, Layout layout, uint64_t seed) {
  switch (layout) {
    case Layout::rows:
      return sample({m, n}, dtype, seed);
    case Layout::columns:
      return make_view(sample({n, m}, dtype, seed), {m, n}, {1, m}, 0);
    case Layout::spaced:
      return make_view(sample({m + 1, n + 1, 3}, dtype, seed), {m, n}, {3 * (n + 1), 3}, 2);
    case Layout::repeated:
      return make_view(sample({n}, dtype, seed), {m, n}, {0, 1}, 0);
  }
  return {};
}

double at(const Tensor& x, int64_t offset) {
  return visit_dtype(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return convert<double>(static_cast<const T*>(x.in().data)[offset]);
  });
}
double at(const Tensor& x, int64_t i, int64_t j) { return at(x, i * x.stride(0) + j * x.stride(1)); }

double eps_of(DType dtype) {
  if (dtype == DType::float64) return std::numeric_limits<double>::epsilon();
  return std::numeric_limits<float>::epsilon();
}

double rounding_of(DType dtype) {
  return dtype == DType::bfloat16 ? 0x1p-8 : dtype == DType::float16 ? 0x1p-11 : 0;
}

// y against a b + bias.
void expect_product(const Tensor& a, const Tensor& b, const Tensor& bias, const Tensor& y) {
  const int64_t m = a.size(0), k = a.size(1), n = b.size(1);
  const DType dtype = y.dtype();
  std::vector<double> left, right;  // row-major, and transposed
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t p = 0; p < k; ++p) left.push_back(at(a, i, p));
  }
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t p = 0; p < k; ++p) right.push_back(at(b, p, j));
  }
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = bias.defined() ? at(bias, j * bias.stride(0)) : 0, size = std::abs(sum);
      for (int64_t p = 0; p < k; ++p) {
        const double term = left[static_cast<size_t>(i * k + p)] * right[static_cast<size_t>(j * k + p)];
        sum += term;
        size += std::abs(term);
      }
      if (dtype == DType::uint8) sum = static_cast<double>(static_cast<int64_t>(sum) & 255);
      const double bound = is_floating(dtype)
                               ? static_cast<double>(k + 1) * eps_of(dtype) * size +
                                     rounding_of(dtype) * std::abs(sum) + 1e-7 * (dtype == DType::float16)
                               : 0;
      ASSERT_NEAR(at(y, i, j), sum, bound)
          << dtype_name(dtype) << " (" << m << ", " << k << ", " << n << ") at " << i << ", " << j;
    }
  }
}

constexpr DType kTypes[] = {DType::float32, DType::float64, DType::bfloat16, DType::float16,
                            DType::int64,   DType::int32,   DType::uint8};
constexpr Layout kLayouts[] = {Layout::rows, Layout::columns, Layout::spaced, Layout::repeated};
struct Size {
  int64_t m, k, n;
};
constexpr Size kSizes[] = {{1, 1, 1},  {2, 3, 4},   {7, 8, 9},    {8, 129, 24}, {9, 5, 25},     {1, 65, 33},
                           {4, 37, 7}, {33, 47, 1}, {17, 31, 63}, {33, 65, 49}, {65, 257, 129}, {5, 1, 70}};

TEST(Matmul, EveryTypeLayoutAndTail) {
  for (const DType dtype : kTypes) {
    for (const Size& s : kSizes) {
      for (const Layout left : kLayouts) {
        for (const Layout right : kLayouts) {
          const Tensor a = matrix(s.m, s.k, dtype, left, 1), b = matrix(s.k, s.n, dtype, right, 2);
          const Tensor y = empty({s.m, s.n}, dtype);
          cpu::matmul(a.in(), b.in(), y.out());
          expect_product(a, b, {}, y);
        }
      }
    }
  }
}

TEST(Matmul, LargerThanEveryBlock) {
  for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16}) {
    for (const Size& s : {Size{1100, 300, 3}, Size{3, 300, 3200}, Size{20, 1100, 70}}) {
      const Tensor a = matrix(s.m, s.k, dtype, Layout::rows, 1), b = matrix(s.k, s.n, dtype, Layout::rows, 2);
      const Tensor y = empty({s.m, s.n}, dtype);
      cpu::matmul(a.in(), b.in(), y.out());
      expect_product(a, b, {}, y);
    }
  }
}

void run_gemm(const Tensor& a, const Tensor& b, const Tensor& bias, const Tensor& y) {
  cpu::reference::Gemm g{.dtype = y.dtype(), .m = y.size(0), .n = y.size(1), .k = a.size(1)};
  g.a = a.in().data, g.a_row = a.stride(0), g.a_col = a.stride(1);
  g.b = b.in().data, g.b_row = b.stride(0), g.b_col = b.stride(1);
  g.y = y.out().data, g.y_row = y.stride(0), g.y_col = y.stride(1);
  if (bias.defined()) g.bias = bias.in().data, g.bias_stride = bias.stride(0);
  cpu::reference::gemm(g);
}

TEST(Gemm, ServesEveryTypeItselfWithBiasAndAnyOutput) {
  for (const DType dtype : kTypes) {
    for (const Size& s : kSizes) {
      for (const bool turned : {false, true}) {
        const Tensor a = matrix(s.m, s.k, dtype, Layout::rows, 3),
                     b = matrix(s.k, s.n, dtype, Layout::columns, 4);
        const Tensor bias = dtype == DType::uint8 ? Tensor() : sample({s.n}, dtype, 5);
        const Tensor y = matrix(s.m, s.n, dtype, turned ? Layout::columns : Layout::rows, 6);
        run_gemm(a, b, bias, y);
        expect_product(a, b, bias, y);
      }
    }
  }
}

TEST(Gemm, SameBitsForAnyNumberOfThreads) {
  const int before = num_threads();
  for (const DType dtype : {DType::float32, DType::float64}) {
    const Tensor a = matrix(300, 500, dtype, Layout::rows, 1), b = matrix(500, 200, dtype, Layout::rows, 2);
    const Tensor one = empty({300, 200}, dtype), three = empty({300, 200}, dtype);
    set_num_threads(1);
    run_gemm(a, b, {}, one);
    set_num_threads(3);
    run_gemm(a, b, {}, three);
    EXPECT_EQ(std::memcmp(one.in().data, three.in().data, one.storage()->bytes()), 0);
  }
  set_num_threads(before);
}

TEST(Matvec, RefusesWhatItDoesNotServe) {
  cpu::MatVec v{.dtype = DType::int64, .rows = 2, .cols = 2, .w_row = 2, .w_col = 1};
  EXPECT_FALSE(cpu::matvec(v));
  v.dtype = DType::float32, v.w_row = 4, v.w_col = 2;
  EXPECT_FALSE(cpu::matvec(v));
  v.w_row = 1, v.w_col = 2, v.count = 2;
  EXPECT_FALSE(cpu::matvec(v));
}

TEST(Linear, EveryTypeWithAndWithoutBias) {
  for (const DType dtype : kTypes) {
    for (const Size& s : kSizes) {
      for (const Layout layout : {Layout::rows, Layout::columns, Layout::spaced}) {
        const Tensor x = matrix(s.m, s.k, dtype, Layout::rows, 1), w = matrix(s.n, s.k, dtype, layout, 2);
        const Tensor wt = make_view(w, {s.k, s.n}, {w.stride(1), w.stride(0)}, w.storage_offset());
        for (const Tensor& bias : {Tensor(), make_view(sample({2 * s.n}, dtype, 3), {s.n}, {2}, 0)}) {
          if (bias.defined() && dtype == DType::uint8) continue;
          const Tensor y = empty({s.m, s.n}, dtype);
          cpu::linear(x.in(), w.in(), bias.in(), Activation::none, y.out());
          expect_product(x, wt, bias, y);
        }
      }
    }
  }
}

// What the packed weight is for, large enough to be packed.
struct LinearCase {
  Tensor x = sample({40, 96}, DType::float32, 1), w = sample({80, 96}, DType::float32, 2),
         bias = sample({80}, DType::float32, 3), y = empty({40, 80});

  void run_and_check(const Tensor& weight) const {
    cpu::linear(x.in(), weight.in(), bias.in(), Activation::none, y.out());
    const Tensor wt = make_view(weight, {weight.size(1), weight.size(0)},
                                {weight.stride(1), weight.stride(0)}, weight.storage_offset());
    expect_product(x, wt, bias, y);
  }
};

TEST(PackedWeight, FollowsWrites) {
  const LinearCase c;
  for (int round = 0; round < 3; ++round) {
    for (int use = 0; use < 3; ++use) c.run_and_check(c.w);
    c.w.mutable_data<float>()[7] += 100.0f;
    c.w.mutable_data<float>()[80 * 96 - 1] -= 100.0f;
  }
}

TEST(PackedWeight, ViewsOfOneStorageAreNotMixedUp) {
  const LinearCase c;
  const Tensor big = sample({100, 200}, DType::float32, 9);
  const Tensor views[] = {make_view(big, {80, 96}, {200, 1}, 0), make_view(big, {80, 96}, {200, 1}, 5),
                          make_view(big, {80, 96}, {1, 100}, 0), make_view(big, {80, 96}, {96, 1}, 0)};
  for (int round = 0; round < 3; ++round) {
    for (const Tensor& view : views) {
      for (int use = 0; use < 1 + round; ++use) c.run_and_check(view);
    }
  }
}

TEST(PackedWeight, ServesOtherNumbersOfRows) {
  LinearCase c;
  c.run_and_check(c.w);
  for (const int64_t m : {40, 6, 200, 33}) {
    c.x = sample({m, 96}, DType::float32, 4);
    c.y = empty({m, 80});
    c.run_and_check(c.w);
  }
}

TEST(PackedWeight, ForeignMemoryIsReadAnew) {
  const LinearCase c;
  std::vector<float> memory(c.w.data<float>().begin(), c.w.data<float>().end());
  const Tensor w = from_blob(memory.data(), {80, 96});
  for (int use = 0; use < 3; ++use) {
    c.run_and_check(w);
    memory[3] += 50.0f;  // its owner tells nobody
  }
}

// The products of two matrices that the case table has.
std::vector<Size> sizes_of_the_case_table() {
  std::vector<Size> sizes;
  for (const test::Table& table : test::read_tables()) {
    if (table.op != "matmul" && table.op != "linear") continue;
    for (const test::Line& line : table.lines) {
      for (const test::Case& one : line.cases) {
        const auto a = one.in[0].at("shape").get<std::vector<int64_t>>(),
                   b = one.in[1].at("shape").get<std::vector<int64_t>>();
        if (a.size() != 2 || b.size() != 2) continue;
        const Size s{a[0], a[1], b[table.op == "linear" ? 0 : 1]};
        if (s.m * s.k * s.n > 0) sizes.push_back(s);
      }
    }
  }
  return sizes;
}

TEST(OneDnn, NeverItsReferenceLoops) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2")) GTEST_SKIP();
  const bool has_bfloat16 = __builtin_cpu_supports("avx512bw");
  const std::vector<Size> large = {{128, 784, 512}, {16, 512, 10}, {64, 33, 65}, {512, 512, 512}},
                          small = sizes_of_the_case_table();  // where there may be nothing better: ours are
  ASSERT_GT(small.size(), 20u);
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    if (dtype == DType::bfloat16 && !has_bfloat16) continue;  // served by our loops
    for (const std::vector<Size>* sizes : {&large, &small}) {
      for (const Size& s : *sizes) {
        const auto check = [&](const std::string& name, bool serves) {
          SCOPED_TRACE(format_text("{} x {} x {} in {}: {}",
                                   {to_text(s.m), to_text(s.k), to_text(s.n), to_text(dtype), name}));
          if (sizes == &large) {
            EXPECT_TRUE(serves);
          }
          EXPECT_FALSE(serves && (name.empty() || name.starts_with("ref")));
        };
        const Tensor x = empty({s.m, s.k}, dtype), w = empty({s.n, s.k}, dtype), bias = empty({s.n}, dtype);
        const Tensor y = empty({s.m, s.n}, dtype);
        for (const bool packed : {false, true}) {
          check(cpu::onednn::linear_implementation(x.in(), w.in(), bias.in(), y.out(), packed),
                cpu::onednn::linear(x.in(), w.in(), bias.in(), y.out()));
        }
        for (const Layout left : {Layout::rows, Layout::columns}) {
          for (const Layout right : {Layout::rows, Layout::columns}) {
            const Tensor a = matrix(s.m, s.k, dtype, left, 1), b = matrix(s.k, s.n, dtype, right, 1);
            check(cpu::onednn::matmul_implementation(a.in(), b.in(), y.out()),
                  cpu::onednn::matmul(a.in(), b.in(), y.out()));
          }
        }
      }
    }
    const Tensor a = empty({6, 64, 48}, dtype), b = empty({6, 48, 32}, dtype), y = empty({6, 64, 32}, dtype);
    const std::string name = cpu::onednn::matmul_implementation(a.in(), b.in(), y.out());
    EXPECT_FALSE(name.empty() || name.starts_with("ref")) << name << " " << dtype_name(dtype);
  }
#endif
}

TEST(Linear, NaNPassesProductAndRelu) {
  for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::float16}) {
    for (const int64_t m : {1, 3, 70}) {
      const Tensor x = sample({m, 65}, dtype, 1), w = sample({70, 65}, dtype, 2), y = empty({m, 70}, dtype);
      visit_dtype(dtype, [&](auto tag) {
        using T = typename decltype(tag)::type;
        for (T& v : x.mutable_data<T>()) v = convert<T>(0.0);
        w.mutable_data<T>()[5 * 65 + 64] = convert<T>(kNaN);                                // 0 * NaN
        w.mutable_data<T>()[6 * 65] = convert<T>(std::numeric_limits<double>::infinity());  // 0 * Inf
      });
      cpu::linear(x.in(), w.in(), {}, Activation::relu, y.out());
      for (int64_t j = 0; j < 70; ++j) {
        const double value = at(y, m - 1, j);
        if (j == 5 || j == 6) {
          EXPECT_TRUE(std::isnan(value)) << dtype_name(dtype) << " " << m;
        } else {
          EXPECT_EQ(value, 0);
        }
      }
    }
  }
}

}  // namespace
}  // namespace st
