// The reduction kernels against naive loops in float64: every form (along, across, packed, joined rows,
// chunks), vector tails, dtypes, NaN, empty, and the same bits for any number of threads.
#include "spiraltorch/backend/cpu/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "spiraltorch/core/parallel.h"
#include "spiraltorch/tensor/tensor.h"

namespace st {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

// Elements in [-1, 1] from a small generator, the same on every run; whole numbers in [-3, 3] for integers.
Tensor sample(const Shape& shape, DType dtype) {
  const Tensor x = empty(shape, dtype);
  uint64_t state = 12345;
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (T& v : x.mutable_data<T>()) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const double u = static_cast<double>(state >> 33) / 2147483648.0 * 2 - 1;
      v = convert<T>(is_floating(dtype) ? u : std::round(dtype == DType::uint8 ? std::abs(3 * u) : 3 * u));
    }
  });
  return x;
}

Tensor permuted(const Tensor& x, const std::vector<int>& order) {
  Dims shape, strides;
  for (int d : order) {
    shape.push_back(x.shape()[d]);
    strides.push_back(x.strides()[d]);
  }
  return make_view(x, shape, strides, x.storage_offset());
}

double element(const Tensor& x, int64_t offset) {
  return visit_dtype(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return convert<double>(static_cast<const T*>(x.storage()->data())[x.storage_offset() + offset]);
  });
}

// f(offset in x, row-major position in the reduced shape) for every element in logical order.
template <class F>
void visit(const Tensor& x, DimSet dims, const F& f) {
  const Shape kept = reduced_shape(x.shape(), dims, keepdim);
  const Strides y = contiguous_strides(kept);
  for (int64_t i = 0; i < x.numel(); ++i) {
    int64_t rest = i, offset = 0, result = 0;
    for (int d = static_cast<int>(x.dim()) - 1; d >= 0; --d) {
      const int64_t at = rest % x.shape()[d];
      rest /= x.shape()[d];
      offset += at * x.strides()[d];
      if (!(dims >> d & 1)) result += at * y[d];
    }
    f(offset, result);
  }
}

std::vector<double> naive(Reduce op, const Tensor& x, DimSet dims) {
  const int64_t results = numel_of(reduced_shape(x.shape(), dims, keepdim));
  const double start = op == Reduce::prod || op == Reduce::all ? 1
                       : op == Reduce::max                     ? -kInf
                       : op == Reduce::min                     ? kInf
                                                               : 0;
  std::vector<double> y(static_cast<size_t>(results), start);
  visit(x, dims, [&](int64_t offset, int64_t result) {
    double& a = y[static_cast<size_t>(result)];
    const double v = element(x, offset);
    switch (op) {
      case Reduce::sum:
      case Reduce::mean:
        a += v;
        break;
      case Reduce::prod:
        a *= v;
        break;
      case Reduce::max:
        a = std::isnan(a) || std::isnan(v) ? kNaN : std::max(a, v);
        break;
      case Reduce::min:
        a = std::isnan(a) || std::isnan(v) ? kNaN : std::min(a, v);
        break;
      case Reduce::any:
        a = a != 0 || v != 0;
        break;
      case Reduce::all:
        a = a != 0 && v != 0;
        break;
    }
  });
  if (op == Reduce::mean) {
    for (double& v : y) v /= static_cast<double>(x.numel()) / static_cast<double>(results);
  }
  return y;
}

DType result_type(Reduce op, DType x) {
  if (op == Reduce::any || op == Reduce::all) return DType::bool_;
  const bool keeps = op == Reduce::max || op == Reduce::min || is_floating(x);
  return keeps ? x : DType::int64;
}

Tensor reduced(Reduce op, const Tensor& x, DimSet dims) {
  const Tensor y = empty(reduced_shape(x.shape(), dims, keepdim), result_type(op, x.dtype()));
  cpu::reduce(op, x.in(), dims, y.out());
  return y;
}

// How many elements of a result lie one behind the other in x.
int64_t dense_run(const Tensor& x, DimSet dims) {
  int64_t run = 1;
  for (int d = static_cast<int>(x.dim()) - 1; d >= 0 && (dims >> d & 1) && x.strides()[d] == run; --d) {
    run *= x.shape()[d];
  }
  return run;
}

void expect_naive(Reduce op, const Tensor& x, DimSet dims) {
  SCOPED_TRACE(format_text("op {} of {} {} strides {} over {}",
                           {to_text(static_cast<int>(op)), to_text(x.dtype()), to_text(x.shape()),
                            to_text(x.strides()), to_text(dims)}));
  const Tensor y = reduced(op, x, dims);
  const std::vector<double> expected = naive(op, x, dims);
  // The accumulator is float64; what is left is the rounding to y's dtype, and in rows of float32 that are
  // long enough the rounding of neighbours: three times its deviation 2^-24 sqrt(2/3 sum x^2).
  const double eps = y.dtype() == DType::float64    ? 1e-13
                     : y.dtype() == DType::float32  ? 6e-8
                     : y.dtype() == DType::bfloat16 ? 4e-3
                     : y.dtype() == DType::float16  ? 5e-4
                                                    : 0;
  const int64_t count = x.numel() / std::max<int64_t>(y.numel(), 1);
  const bool rounds_neighbours =
      x.dtype() == DType::float32 && (op == Reduce::sum || op == Reduce::mean) && dense_run(x, dims) >= 8192;
  const double pairs = !rounds_neighbours
                           ? 0
                           : 3 * std::ldexp(std::sqrt(static_cast<double>(count) * 2 / 9), -24) /
                                 (op == Reduce::mean ? static_cast<double>(count) : 1);
  for (size_t i = 0; i < expected.size(); ++i) {
    const double got = element(y, static_cast<int64_t>(i)), want = expected[i];
    if (std::isnan(want)) {
      ASSERT_TRUE(std::isnan(got)) << "result " << i;
    } else if (got != want) {
      ASSERT_LE(std::abs(got - want), eps * (std::abs(want) + 1e-3) + pairs)
          << "result " << i << ": " << got << " for " << want;
    }
  }
}

constexpr Reduce kOps[] = {Reduce::sum, Reduce::mean, Reduce::prod, Reduce::max,
                           Reduce::min, Reduce::any,  Reduce::all};
constexpr DType kTypes[] = {DType::float32, DType::float64, DType::bfloat16, DType::float16,
                            DType::int64,   DType::int32,   DType::uint8,    DType::bool_};

TEST(ReduceKernel, EveryOpEveryTypeEverySetOfDims) {
  for (DType dtype : kTypes) {
    const Tensor x = sample({3, 5, 7}, dtype);
    const Tensor views[] = {x, permuted(x, {2, 0, 1}), permuted(x, {1, 2, 0}),
                            make_view(x, {3, 2, 7}, {35, 14, 1}, 7), make_view(x, {3, 4, 5}, {35, 0, 1}, 2)};
    for (const Tensor& view : views) {
      for (Reduce op : kOps) {
        if (op == Reduce::mean && !is_floating(dtype)) continue;
        for (DimSet dims = 0; dims < 8; ++dims) expect_naive(op, view, dims);
      }
    }
  }
}

TEST(ReduceKernel, VectorTails) {
  for (DType dtype : {DType::float32, DType::float64, DType::int64, DType::bool_}) {
    for (int64_t n : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129, 511, 512, 513}) {
      for (Reduce op : {Reduce::sum, Reduce::max, Reduce::all}) {
        expect_naive(op, sample({n}, dtype), 1);
        expect_naive(op, sample({3, n}, dtype), 2);
        expect_naive(op, sample({n, 3}, dtype), 1);
        expect_naive(op, sample({5, n}, dtype), 1);
      }
    }
  }
}

TEST(ReduceKernel, LongReductionsInChunks) {
  for (DType dtype : {DType::float32, DType::bfloat16, DType::int32}) {
    expect_naive(Reduce::sum, sample({300001}, dtype), 1);
    expect_naive(Reduce::sum, sample({70000, 3}, dtype), 1);
    expect_naive(Reduce::sum, sample({3, 70000}, dtype), 2);
    expect_naive(Reduce::sum, sample({300, 700}, dtype), 1);
    expect_naive(Reduce::sum, sample({40, 3, 2000}, dtype), 5);
    expect_naive(Reduce::max, permuted(sample({400, 501}, dtype), {1, 0}), 2);
    expect_naive(Reduce::sum, make_view(sample({200000}, dtype), {100000}, {2}, 0), 1);
  }
}

// Neighbours of long rows are added in float32: pairs that overflow there, or are not finite, change nothing.
TEST(ReduceKernel, LongRowsOfFloat32BeyondTheRange) {
  const Tensor x = empty({20000}, DType::float32);
  for (float& v : x.mutable_data<float>()) v = 3e38f;
  EXPECT_EQ(element(reduced(Reduce::mean, x, 1), 0), double{3e38f});
  x.mutable_data<float>()[12345] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(element(reduced(Reduce::sum, x, 1), 0), kInf);
  x.mutable_data<float>()[54] = -std::numeric_limits<float>::infinity();
  EXPECT_TRUE(std::isnan(element(reduced(Reduce::sum, x, 1), 0)));
}

TEST(ReduceKernel, ThreadsChangeNoBit) {
  const int before = num_threads();
  const auto same = [](const Tensor& x, DimSet dims) {
    set_num_threads(1);
    const Tensor one = reduced(Reduce::sum, x, dims);
    set_num_threads(2);
    const Tensor two = reduced(Reduce::sum, x, dims);
    set_num_threads(3);
    const Tensor three = reduced(Reduce::sum, x, dims);
    const size_t bytes = static_cast<size_t>(one.numel()) * item_size(one.dtype());
    EXPECT_EQ(std::memcmp(one.in().data, two.in().data, bytes), 0) << to_text(x.shape());
    EXPECT_EQ(std::memcmp(one.in().data, three.in().data, bytes), 0) << to_text(x.shape());
  };
  for (DType dtype : {DType::float32, DType::float64}) {
    same(sample({1000003}, dtype), 1);
    same(sample({500001, 2}, dtype), 1);
    same(sample({2, 500001}, dtype), 2);
    same(sample({1000, 999}, dtype), 1);
    same(sample({1000, 999}, dtype), 2);
    same(permuted(sample({100, 70, 60}, dtype), {2, 0, 1}), 5);
  }
  set_num_threads(before);
}

TEST(ReduceKernel, NaNWinsMaxAndMin) {
  for (int64_t at : {0, 1, 17, 99}) {
    for (DimSet dims : {1u, 2u, 3u}) {
      const Tensor x = sample({10, 10}, DType::float32);
      x.mutable_data<float>()[static_cast<size_t>(at)] = static_cast<float>(kNaN);
      expect_naive(Reduce::max, x, dims);
      expect_naive(Reduce::min, x, dims);
      expect_naive(Reduce::any, x, dims);
    }
  }
  const Tensor low = empty({40}, DType::float64);
  for (double& v : low.mutable_data<double>()) v = -kInf;
  EXPECT_EQ(element(reduced(Reduce::max, low, 1), 0), -kInf);
}

TEST(ReduceKernel, NothingGivesTheNeutralElement) {
  for (const Shape& shape : {Shape{0}, Shape{0, 3}, Shape{3, 0, 2}}) {
    const DimSet all = (1u << shape.size()) - 1;
    const Tensor x = empty(shape);
    EXPECT_EQ(element(reduced(Reduce::sum, x, all), 0), 0);
    EXPECT_EQ(element(reduced(Reduce::prod, x, all), 0), 1);
    EXPECT_TRUE(std::isnan(element(reduced(Reduce::mean, x, all), 0)));
    EXPECT_EQ(element(reduced(Reduce::any, x, all), 0), 0);
    EXPECT_EQ(element(reduced(Reduce::all, x, all), 0), 1);
  }
  const Tensor columns = reduced(Reduce::sum, empty({0, 3}), 1);
  for (float v : columns.data<float>()) EXPECT_EQ(v, 0);
  EXPECT_EQ(reduced(Reduce::sum, empty({0, 3}), 2).numel(), 0);
}

TEST(ReduceKernel, Int64WrapsAround) {
  const Tensor x = empty({2}, DType::int64);
  x.mutable_data<int64_t>()[0] = std::numeric_limits<int64_t>::max();
  x.mutable_data<int64_t>()[1] = 1;
  EXPECT_EQ(reduced(Reduce::sum, x, 1).data<int64_t>()[0], std::numeric_limits<int64_t>::min());
}

// --- extremum
// ---------------------------------------------------------------------------------------------------

void expect_first(Extremum op, const Tensor& x, int dim) {
  SCOPED_TRACE(format_text("{} {} strides {} dim {}",
                           {to_text(x.dtype()), to_text(x.shape()), to_text(x.strides()), to_text(dim)}));
  const Shape shape = reduced_shape(x.shape(), 1u << dim, keepdim);
  const Tensor values = empty(shape, x.dtype()), indices = empty(shape, DType::int64);
  cpu::extremum(op, x.in(), dim, values.out(), indices.out());
  std::vector<double> best(static_cast<size_t>(values.numel()));
  std::vector<int64_t> at(best.size(), -1), seen(best.size(), 0);
  visit(x, 1u << dim, [&](int64_t offset, int64_t result) {
    const size_t r = static_cast<size_t>(result);
    const double v = element(x, offset);
    const bool wins = op == Extremum::max ? v > best[r] : v < best[r];
    if (at[r] < 0 || wins || (std::isnan(v) && !std::isnan(best[r]))) {
      best[r] = v;
      at[r] = seen[r];
    }
    ++seen[r];
  });
  for (size_t r = 0; r < best.size(); ++r) {
    ASSERT_EQ(indices.data<int64_t>()[r], at[r]) << "result " << r;
    const double got = element(values, static_cast<int64_t>(r));
    ASSERT_TRUE(got == best[r] || (std::isnan(got) && std::isnan(best[r]))) << "result " << r;
  }
}

TEST(ExtremumKernel, FirstIndexInEveryLayout) {
  for (DType dtype : kTypes) {
    const Tensor x = sample({4, 5, 35}, dtype);
    for (const Tensor& view :
         {x, permuted(x, {2, 1, 0}), permuted(x, {0, 2, 1}), make_view(x, {4, 5, 17}, {175, 35, 2}, 0)}) {
      for (int dim = 0; dim < 3; ++dim) {
        expect_first(Extremum::max, view, dim);
        expect_first(Extremum::min, view, dim);
      }
    }
  }
  for (int64_t n : {1, 7, 8, 9, 15, 16, 17, 33, 1000}) {
    expect_first(Extremum::max, sample({n}, DType::float32), 0);
    expect_first(Extremum::min, sample({n, 200}, DType::float64), 0);
  }
}

TEST(ExtremumKernel, FirstNaNWins) {
  const Tensor x = sample({6, 40}, DType::float32);
  for (size_t at : {3u, 20u, 39u, 47u, 80u, 100u}) x.mutable_data<float>()[at] = static_cast<float>(kNaN);
  for (int dim = 0; dim < 2; ++dim) {
    expect_first(Extremum::max, x, dim);
    expect_first(Extremum::min, x, dim);
  }
}

}  // namespace
}  // namespace st
