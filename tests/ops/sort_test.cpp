// sort, argsort and topk beyond the case table: lines of every length that has a way of its own, in every
// dtype, against the standard library's stable sort; ties, NaN, strides, threads, gradients.
#include "spiraltorch/ops/sort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/autograd/gradcheck.h"
#include "spiraltorch/core/parallel.h"
#include "spiraltorch/core/random.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/index.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/values.h"

namespace st {
namespace {

constexpr DType kDTypes[] = {DType::float32, DType::float64, DType::bfloat16, DType::float16,
                             DType::int64,   DType::int32,   DType::uint8,    DType::bool_};

// The order of a line of numbers, by the rule itself.
std::vector<int64_t> stable_order(const std::vector<double>& line, bool descending) {
  std::vector<int64_t> order(line.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  const auto less = [](double a, double b) { return std::isnan(b) ? !std::isnan(a) : a < b; };
  std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) {
    const double a = line[static_cast<size_t>(i)], b = line[static_cast<size_t>(j)];
    return descending ? less(b, a) : less(a, b);
  });
  return order;
}

// n numbers of `dtype` with ties, of both signs where it has them; floating ones with NaN, infinities and
// zeros of both signs.
Tensor numbers(int64_t n, DType dtype) {
  const Tensor x = is_floating(dtype) ? randn({n}, DType::float64) : randint(-300, 300, {n});
  if (!is_floating(dtype)) return x.to(dtype);
  const double inf = std::numeric_limits<double>::infinity();
  const double edges[] = {std::nan(""), inf, -inf, 0.0, -0.0, 1e-40, 3e38};
  for (size_t i = 0; i < std::size(edges) && static_cast<int64_t>(i) < n / 2; ++i) {
    x.mutable_data<double>()[2 * i] = edges[i];
    x.mutable_data<double>()[static_cast<size_t>(n) - 1 - 2 * i] = edges[i];
  }
  return x.to(dtype);
}

void expect_sorted(const Tensor& line, bool descending) {
  const std::vector<int64_t> order = stable_order(line.to_vector<double>(), descending);
  const ValueIndex y = sort(line, 0, descending);
  EXPECT_EQ(y.indices.to_vector<int64_t>(), order);
  EXPECT_EQ(argsort(line, 0, descending).to_vector<int64_t>(), order);
  expect_values(y.values, gather(line, 0, y.indices).to_vector<double>(), 0);
  EXPECT_EQ(y.values.dtype(), line.dtype());
}

TEST(Sort, EveryDTypeAndLength) {
  manual_seed(1);
  for (const DType dtype : kDTypes) {
    for (const int64_t n : {1, 2, 17, 127, 128, 255, 256, 3000}) {
      SCOPED_TRACE(to_text(dtype) + ", " + to_text(n));
      const Tensor x = numbers(n, dtype);
      expect_sorted(x, false);
      expect_sorted(x, true);
    }
  }
}

TEST(Sort, WideIntegers) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min(), kMax = std::numeric_limits<int64_t>::max();
  const ValueIndex y = sort(tensor(std::vector<int64_t>{0, kMax, kMin, -1, kMax - 1, kMin + 1}));
  EXPECT_EQ(y.values.to_vector<int64_t>(), (std::vector<int64_t>{kMin, kMin + 1, -1, 0, kMax - 1, kMax}));
  EXPECT_EQ(y.indices.to_vector<int64_t>(), (std::vector<int64_t>{2, 5, 3, 0, 4, 1}));
}

TEST(Sort, KeepsTheSignOfZero) {
  const Tensor y = sort(tensor({0.f, -0.f, 1.f, -0.f})).values;
  EXPECT_FALSE(std::signbit(y.data<float>()[0]));
  EXPECT_TRUE(std::signbit(y.data<float>()[1]));
  EXPECT_TRUE(std::signbit(y.data<float>()[2]));
}

TEST(Sort, ScalarsAndEmptyTensors) {
  const Tensor x = tensor(3.0);
  x.requires_grad_();
  for (const ValueIndex& y : {sort(x), topk(x, 1)}) {
    EXPECT_EQ(y.values.shape(), Shape{});
    EXPECT_EQ(y.values.item<double>(), 3);
    EXPECT_EQ(y.indices.item<int64_t>(), 0);
    expect_values(grad({y.values}, {x})[0], {1});
  }
  EXPECT_EQ(sort(zeros({0, 3}), 0).indices.shape(), (Shape{0, 3}));
  EXPECT_EQ(topk(zeros({2, 0}), 0).values.shape(), (Shape{2, 0}));
}

TEST(Sort, AlongAnyDimensionOfAnyLayout) {
  manual_seed(2);
  const Tensor base = randint(0, 9, {6, 5, 700}).to(DType::float32);
  const Tensor layouts[] = {base, permute(base, {2, 0, 1}), narrow(base, 2, 3, 600),
                            expand(select(base, 0, 1), {4, 5, 700})};
  for (const Tensor& x : layouts) {
    for (int dim = 0; dim < 3; ++dim) {
      const ValueIndex y = sort(x, dim, true);
      const Tensor lines = transpose(x, dim, 2), values = transpose(y.values, dim, 2),
                   indices = transpose(y.indices, dim, 2);
      for (int64_t i = 0; i < lines.shape()[0]; ++i) {
        for (int64_t j = 0; j < lines.shape()[1]; ++j) {
          const Tensor line = select(select(lines, 0, i), 0, j);
          const ValueIndex expected = sort(line.contiguous(), 0, true);
          ASSERT_TRUE(equal(select(select(values, 0, i), 0, j), expected.values));
          ASSERT_TRUE(equal(select(select(indices, 0, i), 0, j), expected.indices));
        }
      }
    }
  }
}

TEST(Sort, SameOnAnyNumberOfThreads) {
  const Tensor x = randn({64, 1000});
  const int before = num_threads();
  set_num_threads(1);
  const Tensor alone = sort(x).indices;
  set_num_threads(4);
  const Tensor together = sort(x).indices;
  set_num_threads(before);
  EXPECT_TRUE(equal(alone, together));
}

// The first k of the order, whichever way they are found.
TEST(TopK, TakesTheFirstOfTheOrder) {
  manual_seed(3);
  for (const DType dtype : kDTypes) {
    const Tensor x = numbers(1000, dtype);
    for (const bool largest : {false, true}) {
      const Tensor order = argsort(x, 0, largest);
      for (const int64_t k : {0, 1, 15, 16, 250, 251, 999, 1000}) {
        SCOPED_TRACE(to_text(dtype) + ", " + to_text(k));
        const ValueIndex y = topk(x, k, 0, largest);
        EXPECT_TRUE(equal(y.indices, narrow(order, 0, 0, k)));
        expect_values(y.values, gather(x, 0, y.indices).to_vector<double>(), 0);
        const ValueIndex any = topk(x, k, 0, largest, false);
        EXPECT_TRUE(equal(sort(any.indices).values, sort(y.indices).values));
        expect_values(any.values, gather(x, 0, any.indices).to_vector<double>(), 0);
      }
    }
  }
}

TEST(TopK, AlongAnyDimensionOfAnyLayout) {
  manual_seed(4);
  const Tensor x = permute(randint(0, 9, {4, 3, 70}).to(DType::bfloat16), {2, 0, 1});
  for (int dim = 0; dim < 3; ++dim) {
    const ValueIndex all = sort(x, dim, true), y = topk(x, 2, dim);
    EXPECT_TRUE(equal(y.values, narrow(all.values, dim, 0, 2)));
    EXPECT_TRUE(equal(y.indices, narrow(all.indices, dim, 0, 2)));
  }
}

TEST(TopK, GradientGoesToWhatWasTaken) {
  const Tensor x = tensor({{1.0, 5.0, 3.0}, {9.0, 7.0, 8.0}});
  x.requires_grad_();
  const Tensor weight = tensor({{10.0, 20.0}, {30.0, 40.0}});
  expect_values(grad({topk(x, 2).values}, {x}, {.grad_outputs = {weight}})[0], {0, 10, 20, 30, 0, 40});
  EXPECT_FALSE(topk(x, 2).indices.requires_grad());
}

TEST(Sort, SecondDerivative) {
  const Tensor x = tensor({{1.0, 5.0, 3.0}, {9.0, 7.0, 8.0}}, DType::float64);
  x.requires_grad_();
  const auto cubes = [](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{pow(sort(in[0], 0, true).values, 3), pow(topk(in[0], 2, 1).values, 3)};
  };
  EXPECT_TRUE(gradgradcheck(cubes, {x}));
}

}  // namespace
}  // namespace st
