// cumsum and cumprod beyond the case table: long lines, both ways of walking, overflow, threads, gradients.
#include "spiraltorch/ops/scan.h"

#include <gtest/gtest.h>

#include <limits>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/autograd/gradcheck.h"
#include "spiraltorch/core/parallel.h"
#include "spiraltorch/core/random.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/values.h"

namespace st {
namespace {

TEST(Cumsum, AlongAnyDimensionOfAnyLayout) {
  manual_seed(1);
  const Tensor base = randint(-9, 9, {5, 33, 40});
  const Tensor layouts[] = {base, permute(base, {2, 0, 1}), narrow(base, 2, 3, 21),
                            expand(select(base, 0, 1), {4, 33, 40})};
  for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::int32, DType::uint8}) {
    for (const Tensor& layout : layouts) {
      const Tensor x = layout.to(dtype);
      for (int dim = 0; dim < 3; ++dim) {
        const Tensor y = cumsum(x, dim);
        for (int64_t i = 0; i < x.shape()[dim]; ++i) {
          ASSERT_TRUE(equal(select(y, dim, i), sum(narrow(x, dim, 0, i + 1), dim)));
        }
      }
    }
  }
}

// Ones would be lost beside 2^24 in a float32 sum.
TEST(Cumsum, LongLinesKeepTheirDigits) {
  const Tensor x = ones({100});
  x.mutable_data<float>()[0] = 16777216;
  EXPECT_EQ(cumsum(x, 0).data<float>()[99], 16777316.f);
  EXPECT_EQ(cumsum(expand(unsqueeze(x, 1), {100, 3}), 0).contiguous().data<float>()[299], 16777316.f);
}

TEST(Cumsum, IntegersWrap) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max(), kMin = std::numeric_limits<int64_t>::min();
  EXPECT_EQ(cumsum(tensor(std::vector<int64_t>{kMax, 1, 1}), 0).to_vector<int64_t>(),
            (std::vector<int64_t>{kMax, kMin, kMin + 1}));
  expect_values(cumsum(tensor({200, 100}, DType::uint8), 0, DType::uint8), {200, 44});
}

TEST(Cumsum, SameOnAnyNumberOfThreads) {
  const Tensor x = randn({300, 70});
  const int before = num_threads();
  for (const int dim : {0, 1}) {
    set_num_threads(1);
    const Tensor alone = cumsum(x, dim);
    set_num_threads(4);
    EXPECT_TRUE(equal(alone, cumsum(x, dim)));
  }
  set_num_threads(before);
}

TEST(Cumsum, GradientIsTheSumFromTheEnd) {
  const Tensor x = tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}}),
               dy = tensor({{1.0, 10.0, 100.0}, {1.0, 2.0, 3.0}});
  x.requires_grad_();
  expect_values(grad({cumsum(x, 1)}, {x}, {.grad_outputs = {dy}})[0], {111, 110, 100, 6, 5, 3});
  expect_values(grad({cumsum(x, 0)}, {x}, {.grad_outputs = {dy}})[0], {2, 12, 103, 1, 2, 3});
  const Tensor narrow_dtype = tensor({1.0, 2.0}, DType::float64);
  narrow_dtype.requires_grad_();
  EXPECT_EQ(grad({sum(cumsum(narrow_dtype, 0, DType::float32))}, {narrow_dtype})[0].dtype(), DType::float64);
}

TEST(Cumprod, AlongAnyDimensionOfAnyLayout) {
  manual_seed(2);
  const Tensor base = randint(-9, 9, {5, 33, 8});
  const Tensor layouts[] = {base, permute(base, {2, 0, 1}), narrow(base, 2, 3, 5)};
  for (const DType dtype : {DType::int64, DType::uint8, DType::float64}) {
    for (const Tensor& layout : layouts) {
      const Tensor x = layout.to(dtype);
      for (int dim = 0; dim < 3; ++dim) {
        const Tensor y = cumprod(x, dim);
        for (int64_t i = 0; i < x.shape()[dim]; ++i) {
          const Tensor expected = prod(narrow(x, dim, 0, i + 1), dim);
          ASSERT_TRUE(is_floating(dtype) ? allclose(select(y, dim, i), expected, {.rtol = 1e-13})
                                         : equal(select(y, dim, i), expected));
        }
      }
    }
  }
}

// dx_i = the sum over j >= i of dy_j and the product of the others up to j.
TEST(Cumprod, GradientBesideZeros) {
  const Tensor x = tensor({2.0, 0.0, 3.0, 0.0, 5.0}), dy = tensor({1.0, 10.0, 100.0, 1000.0, 10000.0});
  x.requires_grad_();
  expect_values(grad({cumprod(x, 0)}, {x}, {.grad_outputs = {dy}})[0], {1, 620, 0, 0, 0});
}

TEST(Cumprod, GradientBesideInfinity) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const Tensor x = tensor({2.0, kInf, 3.0});
  x.requires_grad_();
  expect_values(grad({sum(cumprod(x, 0))}, {x})[0], {kInf, 8, kInf});
}

TEST(Cumprod, SecondAndThirdDerivatives) {
  const Tensor x = tensor({{0.5, 0.0, -2.0, 1.5}, {1.0, 2.0, 0.0, 0.0}}, DType::float64);
  x.requires_grad_();
  for (const int dim : {0, 1}) {
    EXPECT_TRUE(gradgradcheck(
        [dim](const std::vector<Tensor>& in) { return std::vector<Tensor>{cumprod(in[0], dim)}; }, {x}));
    EXPECT_TRUE(gradgradcheck(
        [dim](const std::vector<Tensor>& in) {
          return grad({sum(cumprod(in[0], dim))}, {in[0]}, {.create_graph = true});
        },
        {x}));
  }
}

TEST(Cumprod, ScalarsAndEmptyTensors) {
  const Tensor x = tensor(3.0), none = zeros({2, 0});
  x.requires_grad_();
  none.requires_grad_();
  expect_values(grad({cumprod(x, 0)}, {x})[0], {1});
  EXPECT_EQ(grad({sum(cumprod(none, 1))}, {none})[0].shape(), (Shape{2, 0}));
}

}  // namespace
}  // namespace st
