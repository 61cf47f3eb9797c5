// Seeded tensors against torch 2.13 with the same seed; core/random_test.cpp has the streams themselves.
#include "spiraltorch/ops/random.h"

#include <gtest/gtest.h>

#include <vector>

#include "spiraltorch/ops/shape.h"

namespace st {
namespace {

using Floats = std::vector<float>;
using Ints = std::vector<int64_t>;

// torch.manual_seed(7); then the same calls in the same order
TEST(Random, OneStreamForAllDtypes) {
  manual_seed(7);
  EXPECT_EQ(rand({5}).to_vector<float>(),
            (Floats{0x1.11e15ep-1f, 0x1.97262p-3f, 0x1.518432p-1f, 0x1.5053ecp-1f, 0x1.dcb218p-3f}));
  EXPECT_EQ(randint(10, {2, 3}).to_vector<int64_t>(), (Ints{7, 7, 9, 8, 1, 8}));
  EXPECT_EQ(randint(-5, 5, {4}, DType::float32).to_vector<float>(), (Floats{-4, 3, 2, -3}));
  EXPECT_EQ(randint(0, 256, {5}, DType::uint8).to_vector<int64_t>(), (Ints{42, 218, 136, 167, 230}));
  EXPECT_EQ(randint(0, 2, {5}, DType::bool_).to_vector<int64_t>(), (Ints{0, 0, 1, 1, 0}));
  EXPECT_EQ(randperm(8).to_vector<int64_t>(), (Ints{0, 1, 3, 2, 6, 5, 4, 7}));
  const Floats normal = randn({3}).to_vector<float>();
  EXPECT_FLOAT_EQ(normal[0], 2.4382081031799316f);
  EXPECT_FLOAT_EQ(normal[1], 0.2027582824230194f);
  EXPECT_FLOAT_EQ(normal[2], 2.4505412578582764f);
}

// torch.manual_seed(7); torch.empty(6, dtype=...).uniform_(-1, 3)
TEST(Random, SixteenBits) {
  manual_seed(7);
  EXPECT_EQ(empty({6}, DType::bfloat16).uniform_(-1, 3).to_vector<float>(),
            (Floats{1.140625, -0.205078125, 1.640625, 1.625, -0.06884765625, 0.69921875}));
  EXPECT_EQ(empty({6}, DType::float16).uniform_(-1, 3).to_vector<float>(),
            (Floats{-0.171630859375, 1.5185546875, 0.461181640625, 2.404296875, 2.419921875, 1.2041015625}));
  // torch.manual_seed(7); sums in double of rand(1000), uniform_(-0.3, 0.7) in bfloat16 and in float16
  manual_seed(7);
  const auto total = [](const Tensor& x) {
    double sum = 0;
    for (double v : x.to_vector<double>()) sum += v;
    return sum;
  };
  EXPECT_NEAR(total(rand({1000}, DType::bfloat16)), 498.7577590942383, 1e-9);
  EXPECT_NEAR(total(empty({1000}, DType::bfloat16).uniform_(-0.3, 0.7)), 203.72931671142578, 1e-9);
  EXPECT_NEAR(total(empty({1000}, DType::float16).uniform_(-0.3, 0.7)), 196.32541847229004, 1e-9);
  // torch.manual_seed(7); torch.randn(20, dtype=torch.bfloat16)
  manual_seed(7);
  EXPECT_EQ(
      randn({20}, DType::bfloat16).to_vector<float>(),
      (Floats{-0.8203125,   0.396484375,  0.8984375, -1.390625,  -1.5859375,  -0.32421875,  1.9296875,
              -0.330078125, 0.1982421875, 0.78125,   1.0390625,  -0.72265625, -0.208984375, -0.2158203125,
              -1.8125,      -0.345703125, -2.0625,   0.67578125, -1.3203125,  -1.359375}));
}

TEST(Random, RowMajorWhateverTheStrides) {
  manual_seed(3);
  const Tensor plain = rand({4, 5});
  manual_seed(3);
  const Tensor turned = permute(empty({5, 4}), {1, 0}).uniform_();
  EXPECT_EQ(turned.to_vector<float>(), plain.to_vector<float>());
  manual_seed(3);
  EXPECT_EQ(rand_like(plain).to_vector<float>(), plain.to_vector<float>());
}

TEST(Random, Refusals) {
  EXPECT_THROW(rand({2}, DType::int64), DTypeError);
  EXPECT_THROW(randn({2}, DType::bool_), DTypeError);
  EXPECT_THROW(randint(3, 3, {2}), ValueError);
  EXPECT_THROW(randint(0, 300, {2}, DType::uint8), ValueError);
  EXPECT_THROW(randint(0, 3, {2}, DType::bool_), ValueError);
  EXPECT_THROW(randperm(-1), ValueError);
  EXPECT_THROW(empty({2}).uniform_(1, 0), ValueError);
  EXPECT_THROW(empty({2}).normal_(0, -1), ValueError);
  EXPECT_THROW(empty({2}).requires_grad_().normal_(), ValueError);
  EXPECT_EQ(rand({0, 3}).shape(), Shape({0, 3}));
}

}  // namespace
}  // namespace st
