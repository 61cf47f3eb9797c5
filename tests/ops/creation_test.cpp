// Tensors from values and ranges. Values are those of the same calls in torch 2.13.
#include "spiraltorch/ops/creation.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "spiraltorch/ops/shape.h"

namespace st {
namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;
using Ints = std::vector<int64_t>;

TEST(Creation, FilledTensors) {
  EXPECT_EQ(zeros({2, 2}).to_vector<float>(), (Floats{0, 0, 0, 0}));
  EXPECT_EQ(ones({2}, DType::bfloat16).dtype(), DType::bfloat16);
  EXPECT_EQ(full({2}, true).dtype(), DType::bool_);
  EXPECT_EQ(full({2}, 3).dtype(), DType::int64);
  EXPECT_EQ(full({2}, 2.5).to_vector<float>(), (Floats{2.5, 2.5}));
  EXPECT_EQ(full({1}, 3, DType::bool_).to_vector<int64_t>(), (Ints{1}));
  EXPECT_EQ(eye(2, 3).to_vector<float>(), (Floats{1, 0, 0, 0, 1, 0}));
  EXPECT_EQ(eye(3, 2).to_vector<float>(), (Floats{1, 0, 0, 1, 0, 0}));
  EXPECT_EQ(eye(0).shape(), Shape({0, 0}));
  const Tensor x = permute(empty({2, 3}), {1, 0});
  EXPECT_EQ(zeros_like(x).strides(), x.strides());
  EXPECT_EQ(full_like(tensor({1, 2}), 7).to_vector<int64_t>(), (Ints{7, 7}));
  EXPECT_THROW(eye(-1), ValueError);
  EXPECT_THROW(zeros({-1}), ShapeError);
}

TEST(Creation, Arange) {
  EXPECT_EQ(arange(5).to_vector<int64_t>(), (Ints{0, 1, 2, 3, 4}));
  EXPECT_EQ(arange(5).dtype(), DType::int64);
  EXPECT_EQ(arange(1, 10, 3).to_vector<int64_t>(), (Ints{1, 4, 7}));
  EXPECT_EQ(arange(10, 0, -3).to_vector<int64_t>(), (Ints{10, 7, 4, 1}));
  EXPECT_EQ(arange(0, -1, -0.25).to_vector<float>(), (Floats{0, -0.25, -0.5, -0.75}));
  EXPECT_EQ(arange(0, 1, 0.1).to_vector<float>(),
            (Floats{0.0f, 0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f}));
  EXPECT_EQ(arange(0, 1, 0.1, DType::float64).to_vector<double>(),
            (Doubles{0.0, 0.1, 0.2, 0.30000000000000004, 0.4, 0.5, 0.6000000000000001, 0.7000000000000001,
                     0.8, 0.9}));
  EXPECT_EQ(arange(0, 5, 1.7, DType::int64).to_vector<int64_t>(), (Ints{0, 1, 2, 3, 4}));
  EXPECT_EQ(arange(3, DType::float64).to_vector<double>(), (std::vector<double>{0, 1, 2}));
  EXPECT_EQ(arange(1, 3, DType::float32).to_vector<float>(), (Floats{1, 2}));
  EXPECT_EQ(arange(3, 3).numel(), 0);
  const int64_t big = int64_t{1} << 60;
  EXPECT_EQ(arange(big, big + 3).to_vector<int64_t>(), (Ints{big, big + 1, big + 2}));
  EXPECT_THROW(arange(0, 5, 0), ValueError);
  EXPECT_THROW(arange(0, 5, -1), ValueError);
  EXPECT_THROW(arange(0, std::numeric_limits<double>::infinity()), ValueError);
  EXPECT_THROW(arange(0, 2, 1, DType::bool_), DTypeError);
  EXPECT_THROW(arange(0, 2, 0.5, DType::int64), ValueError);
}

TEST(Creation, Linspace) {
  EXPECT_EQ(linspace(0, 1, 5).to_vector<float>(), (Floats{0, 0.25, 0.5, 0.75, 1}));
  EXPECT_EQ(linspace(-1, 1, 4).to_vector<float>(),
            (Floats{-1, -0.3333333134651184f, 0.3333333134651184f, 1}));
  EXPECT_EQ(linspace(0, 1, 11, DType::float64).to_vector<double>(),
            (Doubles{0.0, 0.1, 0.2, 0.30000000000000004, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0}));
  EXPECT_EQ(linspace(3, 10, 5, DType::int64).to_vector<int64_t>(), (Ints{3, 4, 6, 8, 10}));
  EXPECT_EQ(linspace(-3, 3.5, 6, DType::int64).to_vector<int64_t>(), (Ints{-3, -1, 0, 0, 1, 3}));
  EXPECT_EQ(linspace(10, 0, 4, DType::int32).to_vector<int64_t>(), (Ints{10, 6, 3, 0}));
  EXPECT_EQ(linspace(2, 7, 1).to_vector<float>(), (Floats{2}));
  EXPECT_EQ(linspace(2, 7, 0).numel(), 0);
  EXPECT_THROW(linspace(0, 1, -1), ValueError);
}

TEST(Creation, FromValues) {
  EXPECT_EQ(tensor({1.0f, 2.0f}).dtype(), DType::float32);
  EXPECT_EQ(tensor({1.5, 2.5}).dtype(), DType::float32);
  EXPECT_EQ(tensor({0.1}, DType::float64).to_vector<double>(), (Doubles{0.1}));
  EXPECT_EQ(tensor({0, 7}).dtype(), DType::int64);
  EXPECT_EQ(tensor({true, false}).dtype(), DType::bool_);
  const Tensor m = tensor({{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}});
  EXPECT_EQ(m.shape(), Shape({3, 2}));
  EXPECT_EQ(m.to_vector<float>(), (Floats{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(tensor(3).dim(), 0);
  EXPECT_EQ(tensor(3).dtype(), DType::int64);
  EXPECT_EQ(tensor(0.5, DType::float16).item<float>(), 0.5f);
  EXPECT_EQ(tensor(Doubles{0.1}).dtype(), DType::float64);
  EXPECT_EQ(tensor(std::vector<int32_t>{4}).dtype(), DType::int32);
  EXPECT_EQ(tensor(std::vector<uint8_t>{200}).item<int64_t>(), 200);
  EXPECT_EQ(tensor(std::vector<bool>{true, false, true}).to_vector<bool>(),
            (std::vector<bool>{true, false, true}));
  EXPECT_EQ(tensor(Floats{}).shape(), Shape({0}));
  EXPECT_THROW(tensor({{1.0, 2.0}, {3.0}}), ShapeError);
}

// torch.tensor([[1, 2], [3, 4]]) is int64; one floating number makes all float32.
TEST(TensorOfRows, TakesTheKindOfItsNumbers) {
  EXPECT_EQ(tensor({{1, 2}, {3, 4}}).dtype(), DType::int64);
  const Tensor mixed = tensor({{1, 2.5}, {3, 4}});
  EXPECT_EQ(mixed.dtype(), DType::float32);
  EXPECT_EQ(mixed.to_vector<float>(), (std::vector<float>{1, 2.5, 3, 4}));
  EXPECT_EQ(tensor({{true, false}, {false, true}}).dtype(), DType::bool_);
  EXPECT_EQ(tensor({{0.1, 2.0}, {3.0, 4.0}}, DType::float64).to_vector<double>()[0], 0.1);
  EXPECT_THROW(tensor({{1, 2}, {3, 4, 5}}), ShapeError);
}

// What it has no dtype for is refused when it is compiled, not when it is linked.
template <class T>
concept MakesATensor = requires(const std::vector<T>& values) {
  tensor(values);
};
static_assert(MakesATensor<float> && MakesATensor<int64_t> && MakesATensor<bool>);
static_assert(!MakesATensor<std::vector<float>> && !MakesATensor<std::string> && !MakesATensor<int16_t>);

}  // namespace
}  // namespace st
