// index_select, gather, scatter_add, index_add and x.index. Values are those of the same calls in torch 2.13.
#include "spiraltorch/ops/index.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/indexing.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/linear.h"
#include "tests/support/message.h"

namespace st {
namespace {

Tensor positions() { return reshape(tensor({0, 1, 2, 0, 2, 0, 0, 1}), {2, 4}); }

TEST(Index, Forward) {
  const Tensor x = counted({3, 4}), i = positions();
  EXPECT_EQ(values(gather(x, 0, i)), (Floats{0, 5, 10, 3, 8, 1, 2, 7}));
  EXPECT_EQ(values(gather(x, 0, i.to(DType::int32))), values(gather(x, 0, i)));
  EXPECT_EQ(values(scatter_add(zeros({3, 4}), 0, i, x)), (Floats{0, 5, 6, 3, 0, 1, 0, 7, 4, 0, 2, 0}));
  EXPECT_EQ(values(index_add(x, 1, tensor({0, 0, 3}), ones({3, 3}), {.alpha = 2})),
            (Floats{4, 1, 2, 5, 8, 5, 6, 9, 12, 9, 10, 13}));
  EXPECT_EQ(values(index_select(x.t(), 0, tensor({3, 0}))), (Floats{3, 7, 11, 0, 4, 8}));
  EXPECT_EQ(values(gather(tensor(5.0), 0, tensor({0, 0}))), (Floats{5, 5}));
  EXPECT_EQ(index_select(tensor(5.0), 0, tensor({0})).dim(), 0);
  EXPECT_EQ(index_select(x, 0, empty({0}, DType::int64)).shape(), Shape({0, 4}));
  EXPECT_EQ(index_select(x, 1, tensor(int64_t{2})).shape(), Shape({3, 1}));
  EXPECT_EQ(scatter_add(tensor({1, 2}), 0, tensor({1, 1}), tensor({5, 6})).to_vector<int64_t>(),
            (std::vector<int64_t>{1, 13}));
  EXPECT_EQ(gather(x, 0, empty({0}, DType::int64)).shape(), Shape({0}));
}

TEST(Index, Refusals) {
  const Tensor x = counted({3, 4});
  EXPECT_EQ(message<IndexError>([&] {
              index_select(x, 1, tensor({0, 4}));
            }),
            "index_select: index 4 is out of range for a dimension of size 4, expected one in [0, 3]");
  EXPECT_EQ(message<IndexError>([&] {
              gather(x, 0, tensor({-1}).reshape({1, 1}));
            }),
            "gather: index -1 is out of range for a dimension of size 3, expected one in [0, 2]");
  EXPECT_EQ(message<DTypeError>([&] { gather(x, 0, x); }),
            "gather: the index is float32, expected int64 or int32");
  EXPECT_EQ(message<ShapeError>([&] {
              gather(x, 0, zeros({1, 5}, DType::int64));
            }),
            "gather: the index must not be larger than x except in the dimension that it picks from (index: "
            "(1, 5), "
            "x: (3, 4))");
  EXPECT_THROW(gather(x, 0, tensor({0})), ShapeError);
  EXPECT_EQ(message<ShapeError>([&] {
              scatter_add(x, 0, zeros({2, 4}, DType::int64), ones({1, 4}));
            }),
            "scatter_add: the index must not be larger than source in any dimension (index: (2, 4), source: "
            "(1, 4))");
  EXPECT_THROW(scatter_add(x, 0, positions(), ones({2, 4}, DType::float64)), DTypeError);
  EXPECT_THROW(index_select(x, 0, zeros({1, 1}, DType::int64)), ShapeError);
  EXPECT_THROW(index_select(tensor(5.0), 0, tensor({0, 0})), ShapeError);
  EXPECT_THROW(index_add(x, 0, tensor({0, 1}), ones({1, 4})), ShapeError);
  EXPECT_THROW(index_add(tensor({1, 2}), 0, tensor({0}), tensor({1}), {.alpha = 0.5}), DTypeError);
  EXPECT_THROW(index_add(x, 0, tensor({3}), ones({1, 4})), IndexError);
}

TEST(Index, Gradients) {
  const Tensor list = tensor({2, 0, 2});
  expect_linear_gradients({3, 4}, [&](const Tensor& x) { return index_select(x, 1, list); });
  expect_linear_gradients({3, 4}, [&](const Tensor& x) { return gather(x, 0, positions()); });
  expect_linear_gradients({2, 4}, [&](const Tensor& x) {
    return scatter_add(zeros({3, 4}), 0, positions(), x);
  });
  expect_linear_gradients({3, 5}, [&](const Tensor& x) {
    return scatter_add(zeros({3, 4}), 0, positions(), x);
  });
  expect_linear_gradients({3, 4}, [&](const Tensor& x) {
    return scatter_add(x, 0, positions(), zeros({2, 4}));
  });
  expect_linear_gradients({2, 3}, [&](const Tensor& x) {
    return index_add(zeros({2, 4}), 1, list, x, {.alpha = 3});
  });
  expect_linear_gradients({2, 4}, [&](const Tensor& x) { return index_add(x, 1, list, zeros({2, 3})); });
  expect_linear_gradients({4, 3}, [&](const Tensor& x) { return index(x, {Slice(1, {}), tensor({-1, 0})}); });
}

TEST(Index, BracketsOfPython) {
  const Tensor x = counted({3, 4});
  EXPECT_EQ(values(index(x, {Slice(1, {}), Slice({}, {}, 2)})), (Floats{4, 6, 8, 10}));
  EXPECT_EQ(values(x.index({-1, Slice(1, 3)})), (Floats{9, 10}));
  EXPECT_EQ(index(x, {None, 0, None}).shape(), Shape({1, 1, 4}));
  EXPECT_EQ(index(x, {Slice(), None, 1}).shape(), Shape({3, 1}));
  EXPECT_EQ(values(index(x, {Slice(), tensor({-1, 0})})), (Floats{3, 0, 7, 4, 11, 8}));
  EXPECT_EQ(index(x, {reshape(tensor({0, 2, 1, 1}), {2, 2})}).shape(), Shape({2, 2, 4}));
  EXPECT_EQ(index(x, {tensor(int64_t{1})}).shape(), Shape({4}));
  EXPECT_EQ(values(index(x, {x > 5.0})), (Floats{6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(values(index(x, {tensor({true, false, true}), 1})), (Floats{1, 9}));
  EXPECT_EQ(index(x, {tensor({false, false, false})}).shape(), Shape({0, 4}));
  EXPECT_EQ(index(x, {Slice(0, 2)}).storage(), x.storage());
}

// As x[...] = value of Python; expected values from PyTorch 2.13.
TEST(Index, WritesThroughBrackets) {
  const auto written = [](const auto& write) {
    const Tensor x = counted({3, 4});
    EXPECT_TRUE(write(x).is_same(x));
    return values(x);
  };
  using X = const Tensor&;
  EXPECT_EQ(written([](X x) -> X { return index_put_(x, {x > 8.0}, -1); }),
            (Floats{0, 1, 2, 3, 4, 5, 6, 7, 8, -1, -1, -1}));
  EXPECT_EQ(written([](X x) -> X {
              return index_put_(x, {x > 8.0}, tensor({7., 8., 9.}));
            }),
            (Floats{0, 1, 2, 3, 4, 5, 6, 7, 8, 7, 8, 9}));
  EXPECT_EQ(written([](X x) -> X {
              return index_put_(x, {tensor({2, 0})}, tensor({1, 2, 3, 4}));
            }),
            (Floats{1, 2, 3, 4, 4, 5, 6, 7, 1, 2, 3, 4}));
  EXPECT_EQ(written([](X x) -> X {
              return index_put_(x, {Slice(1, {}), tensor({{-1, 0}, {1, 1}}, DType::int64)}, 5.5);
            }),
            (Floats{0, 1, 2, 3, 5.5, 5.5, 6, 5.5, 5.5, 5.5, 10, 5.5}));
  EXPECT_EQ(written([](X x) -> X {
              return index_put_(x, {tensor({true, false, true}), 1}, tensor({20, 30}));
            }),
            (Floats{0, 20, 2, 3, 4, 5, 6, 7, 8, 30, 10, 11}));
  EXPECT_EQ(written([](X x) -> X {
              return index_put_(x, {tensor({1, 1})}, counted({2, 4}));
            }),
            (Floats{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}))
      << "the last stays";
  EXPECT_EQ(written([](X x) -> X {
              return index_put_(x, {0, Slice({}, {}, 2)}, tensor({8, 9}));
            }),
            (Floats{8, 1, 9, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(written([](X x) -> X {
              return index_put_(x, {tensor({0, 1})}, x.narrow(0, 1, 2));
            }),
            (Floats{4, 5, 6, 7, 8, 9, 10, 11, 8, 9, 10, 11}))
      << "its own entries";
  EXPECT_EQ(written([](X x) -> X {
              return index_put_(x, {tensor({false, false, false})}, 1);
            }),
            values(counted({3, 4})));
  const Tensor whole = counted({4, 3}), turned = whole.t();  // a mask of what lies apart in memory
  index_put_(turned, {turned > 8.0}, 0);
  EXPECT_EQ(values(whole), (Floats{0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0}));
  const Tensor integers = tensor({1, 2, 3});
  index_put_(integers, {tensor({0, 2})}, tensor({2.5, -1.5}));
  EXPECT_EQ(integers.to_vector<int64_t>(), (std::vector<int64_t>{2, 2, -1}));
}

TEST(Index, BracketsRefuse) {
  EXPECT_EQ(message<ShapeError>([] {
              index_put_(counted({3, 4}), {tensor({0, 1})}, counted({3}));
            }),
            "index_put_: the shapes (2, 4) and (3,) do not broadcast: sizes 4 and 3 at dimension 1 differ "
            "and neither "
            "is 1");
  EXPECT_EQ(
      message<ShapeError>([] {
        index_put_(counted({3, 4}), {tensor({0})}, counted({2, 4}));
      }),
      "index_put_: value of shape (2, 4) does not broadcast to (1, 4), what the indices pick (x: (3, 4))");
  EXPECT_THROW(index_put_(ones({2}).requires_grad_(), {tensor({0})}, 1), ValueError);
  EXPECT_THROW(index_put_(ones({2}), {tensor({0})}, ones({1}).requires_grad_()), ValueError);
  const Tensor x = counted({3, 4});
  EXPECT_EQ(message<IndexError>([&] {
              index(x, {0, 0, 0});
            }),
            "index: too many indices for a tensor of 2 dimensions (x: (3, 4))");
  EXPECT_EQ(message<IndexError>([&] { index(x, {tensor({3})}); }),
            "index: index 3 is out of range for a dimension of size 3, expected one in [-3, 2]");
  EXPECT_EQ(
      message<ValueError>([&] {
        index(x, {arange(3), tensor({3, 0, 1})});
      }),
      "index: at most one index may be a tensor, got 2; what x[arange(n), y] picks in Python is gather(x, "
      "1, y.unsqueeze(1)).squeeze(1)");
  EXPECT_EQ(values(gather(x, 1, tensor({3, 0, 1}).unsqueeze(1)).squeeze(1)), (Floats{3, 4, 9}));
  EXPECT_THROW(index(x, {tensor({true, false})}), IndexError);
  EXPECT_THROW(index(x, {x}), DTypeError);
}

}  // namespace
}  // namespace st
