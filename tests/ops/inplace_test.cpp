// What the methods that write accept and refuse, and what x += y means.
#include "spiraltorch/ops/inplace.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "spiraltorch/spiraltorch.h"
#include "tests/support/message.h"

namespace st {
namespace {

using Floats = std::vector<float>;

TEST(Inplace, WritesThroughEveryHandleAndView) {
  const Tensor x = tensor({1.f, 2.f, 3.f});
  const Tensor same = x, view = x.narrow(0, 1, 2);
  const uint64_t version = x.version();
  view.add_(10);
  x.mul_(tensor({1.f, 2.f, 3.f}));
  EXPECT_EQ(same.to_vector<float>(), (Floats{1, 24, 39}));
  EXPECT_EQ(x.version(), version + 2);
}

TEST(Inplace, AlphaScalesWhatIsAdded) {
  const Tensor x = tensor({1.f, 2.f});
  x.add_(tensor({1.f, 1.f}), 0.5).sub_(tensor({2.f, 4.f}), 2);
  EXPECT_EQ(x.to_vector<float>(), (Floats{-2.5, -5.5}));
}

TEST(Inplace, ReadsWhatItWritesOnlyInPlace) {
  const Tensor x = arange(0, 9, 1, DType::float32).reshape({3, 3}).clone();
  x.add_(x);
  EXPECT_EQ(x.select(0, 1).to_vector<float>(), (Floats{6, 8, 10}));
  x.add_(x.t());  // overlaps: the transpose is read as it was before
  EXPECT_EQ(x.to_vector<float>(), (Floats{0, 8, 16, 8, 16, 24, 16, 24, 32}));
}

TEST(Inplace, BroadcastsToXAndNeverGrowsIt) {
  const Tensor x = zeros({2, 3});
  x.add_(tensor({1.f, 2.f, 3.f}));
  EXPECT_EQ(x.to_vector<float>(), (Floats{1, 2, 3, 1, 2, 3}));
  EXPECT_EQ(message<ShapeError>([&] { x.select(0, 0).add_(x); }),
            "add_: y of shape (2, 3) does not broadcast to x of shape (3,), which cannot grow");
  EXPECT_EQ(x.to_vector<float>(), (Floats{1, 2, 3, 1, 2, 3}));
}

TEST(Inplace, KeepsTheCategoryOfX) {
  const Tensor x = tensor({1, 2});
  EXPECT_EQ(message<DTypeError>([&] { x.add_(0.5); }),
            "add_: the result is float32 and cannot be stored in an int64 tensor");
  EXPECT_EQ(message<DTypeError>([&] { x.div_(2); }),
            "div_: the result is float32 and cannot be stored in an int64 tensor");
  x.add_(1);
  EXPECT_EQ(x.to_vector<int64_t>(), (std::vector<int64_t>{2, 3}));
  const Tensor half = tensor({1.f}).to(DType::bfloat16);
  half.add_(tensor({0.5f}));  // float32 into bfloat16: the same category
  EXPECT_EQ(half.item<float>(), 1.5f);
}

TEST(Inplace, RefusesWhatAutogradWouldRecord) {
  const Tensor x = ones({2}), w = ones({2});
  w.requires_grad_();
  EXPECT_THROW(w.add_(1), ValueError);
  EXPECT_THROW(x.add_(w), ValueError);  // the gradient of w would be lost
  EXPECT_THROW((w * 2).mul_(x), ValueError);
  EXPECT_EQ(w.to_vector<float>(), (Floats{1, 1}));
  const NoGradGuard no_grad;
  w.add_(x);
  x.add_(w);
  EXPECT_EQ(x.to_vector<float>(), (Floats{3, 3}));
}

TEST(Inplace, RefusesAnExpandedTarget) {
  const Tensor x = zeros({1}).expand({3});
  EXPECT_EQ(message<ValueError>([&] { x.add_(ones({3})); }),
            "add_: several places of x (3,) with strides (0,) are one element; clone() it first");
  EXPECT_THROW(x.mul_(2), ValueError);
  EXPECT_THROW(x.uniform_(), ValueError);
}

TEST(Inplace, RefusesWhatItsTwinRefuses) {
  const Tensor yes = tensor({true, false});
  EXPECT_THROW(yes.sub_(yes), DTypeError);
  EXPECT_THROW(tensor({1, 2}).add_(tensor({1, 2}), 1.0), DTypeError);
  EXPECT_EQ(message<ValueError>([] { zeros({2}, DType::int32).fill_(3e9); }),
            "fill_: the value 3e+09 does not fit into int32");
  EXPECT_THROW(full({2}, std::nan(""), DType::int64), ValueError);
  EXPECT_EQ(full({1}, -1, DType::uint8).item<int64_t>(), 255);  // as PyTorch
}

TEST(Inplace, ClampWithOneBound) {
  const Tensor x = tensor({-2.f, 0.5f, 2.f});
  x.clamp_(0);
  EXPECT_EQ(x.to_vector<float>(), (Floats{0, 0.5, 2}));
  x.clamp_({}, 1);
  EXPECT_EQ(x.to_vector<float>(), (Floats{0, 0.5, 1}));
  EXPECT_THROW(x.clamp_({}, {}), ValueError);
}

TEST(CompoundAssignment, RebindsTheHandle) {
  Tensor x = tensor({1.f, 2.f});
  const Tensor before = x;
  x += 1;
  x *= tensor({2.f, 3.f});
  x -= 1;
  x /= 2;
  EXPECT_EQ(x.to_vector<float>(), (Floats{1.5, 4}));
  EXPECT_EQ(before.to_vector<float>(), (Floats{1, 2}));
}

TEST(CompoundAssignment, IsRecorded) {
  const Tensor w = tensor({3.f}).requires_grad_();
  Tensor y = w * 2;
  y += w;
  y.backward();
  EXPECT_EQ(w.grad().item<float>(), 3);
}

TEST(CompoundAssignment, OfALeafThatRequiresAGradientIsRefused) {
  Tensor w = tensor({3.f});
  w.requires_grad_();
  EXPECT_THROW(w += 1, ValueError);
  EXPECT_EQ(w.item<float>(), 3);
}

}  // namespace
}  // namespace st
