// What the case table cannot say of convolution and pooling: the layouts that a chain of layers keeps, which
// implementation computes, oneDNN against our own loops, gradients that nobody wants, weights that change.
#include "spiraltorch/ops/conv.h"

#include <gtest/gtest.h>

#include <limits>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/backend/cpu/onednn/conv.h"
#include "spiraltorch/backend/cpu/reference/conv.h"
#include "spiraltorch/backend/cpu/thin_conv.h"
#include "spiraltorch/ops/layout.h"
#include "spiraltorch/spiraltorch.h"
#include "tests/support/shadow_device.h"

namespace st {
namespace {

// conv - batch norm - ReLU - pool - conv, as an image network runs it.
Tensor chain(const Tensor& x, const std::vector<Tensor>& p, bool average) {
  Tensor y = conv2d(x, p[0], p[1], {.padding = 1});
  y = relu(batch_norm(y, {}, {}, p[2], p[3], {.training = true}));
  y = average ? avg_pool2d(y, 2) : max_pool2d(y, 2);
  return conv2d(y, p[4], p[5], {.padding = 1});
}

std::vector<Tensor> parameters(int64_t channels, Device device) {
  std::vector<Tensor> all;
  for (const Shape& shape :
       {Shape{16, channels, 3, 3}, Shape{16}, Shape{16}, Shape{16}, Shape{8, 16, 3, 3}, Shape{8}}) {
    all.push_back((randn(shape) * 0.3).to(device));
    all.back().requires_grad_();
  }
  return all;
}

TEST(Conv, AChainOfLayersCopiesNothing) {
  const Device shadow = test::shadow_device();
  for (const int64_t channels : {1, 3}) {
    for (const bool average : {false, true}) {
      manual_seed(1);
      const std::vector<Tensor> p = parameters(channels, shadow);
      Tensor x = randn({4, channels, 8, 8}).to(shadow);
      if (channels > 1) x = arranged(x, Layout::channels_last);  // as images arrive, or after one copy
      x.requires_grad_();
      const int64_t before = test::shadow_copies();
      const Tensor y = chain(x, p, average);
      EXPECT_TRUE(has_layout(y, Layout::channels_last));
      EXPECT_EQ(y.strides(), strides_of(y.shape(), Layout::channels_last));
      y.backward({.gradient = y.detach()});
      EXPECT_EQ(test::shadow_copies() - before, 0) << channels << " channels";
      for (const Tensor& leaf : p) EXPECT_TRUE(leaf.grad().defined());
      EXPECT_TRUE(has_layout(x.grad(), Layout::channels_last));
    }
  }
}

TEST(Conv, Float64KeepsTheLayoutOfTheImage) {
  const Tensor w = randn({4, 3, 3, 3}).to(DType::float64), x = randn({2, 3, 5, 5}).to(DType::float64);
  EXPECT_TRUE(conv2d(x, w).is_contiguous());
  const Tensor last = arranged(x, Layout::channels_last);
  EXPECT_TRUE(has_layout(conv2d(last, w), Layout::channels_last));
  EXPECT_TRUE(allclose(conv2d(last, w), conv2d(x, w)));
}

// A row-major image gives what a channels-last one gives, and the pools keep either.
TEST(Pool, LayoutsAgree) {
  for (const DType dtype : {DType::float32, DType::float64}) {
    const Tensor x = randn({2, 5, 7, 6}).to(dtype), last = arranged(x, Layout::channels_last);
    const auto check_both = [&](const auto& f) {
      const Tensor a = x.detach().requires_grad_(), b = last.detach().requires_grad_();
      const Tensor ya = f(a), yb = f(b);
      EXPECT_TRUE(ya.is_contiguous());
      EXPECT_TRUE(has_layout(yb, Layout::channels_last));
      EXPECT_TRUE(equal(ya, yb));
      const Tensor dy = randn(ya.shape()).to(dtype);
      ya.backward({.gradient = dy});
      yb.backward({.gradient = dy});
      EXPECT_TRUE(allclose(a.grad(), b.grad(), {.rtol = 1e-6, .atol = 1e-6}));
      EXPECT_EQ(b.grad().strides(), last.strides());
    };
    check_both([](const Tensor& t) { return max_pool2d(t, 3, {.stride = 2, .padding = 1}); });
    check_both([](const Tensor& t) { return max_pool2d_with_indices(t, 2).values; });
    check_both([](const Tensor& t) { return avg_pool2d(t, 3, {.stride = 1, .padding = 1}); });
    check_both([](const Tensor& t) { return adaptive_avg_pool2d(t, {3, 4}); });
  }
}

struct Problem {
  int64_t n, c, o, size, kernel, stride, padding, dilation, groups;
};

// One channel is not among them: oneDNN has plain loops alone for it, channels-last.
std::vector<Problem> problems() {
  return {{2, 32, 64, 14, 3, 1, 1, 1, 1}, {2, 3, 16, 9, 5, 2, 2, 1, 1},  {2, 16, 16, 8, 1, 1, 0, 1, 1},
          {1, 17, 5, 7, 3, 1, 0, 1, 1},   {2, 16, 32, 9, 3, 1, 2, 2, 1}, {2, 32, 32, 8, 3, 1, 1, 1, 32},
          {2, 32, 64, 8, 3, 2, 1, 1, 2}};
}

ConvRule rule_of(const Problem& p) {
  return {{p.stride, p.stride},
          {p.padding, p.padding},
          {p.padding, p.padding},
          {p.dilation, p.dilation},
          p.groups};
}

TEST(Conv, OneDnnAgreesWithOurLoopsAndIsNoReference) {
  for (const Problem& p : problems()) {
    SCOPED_TRACE(testing::Message() << p.c << " to " << p.o << ", kernel " << p.kernel << ", groups "
                                    << p.groups);
    const ConvRule rule = rule_of(p);
    const Tensor x = arranged(randn({p.n, p.c, p.size, p.size}), Layout::channels_last);
    const Tensor w = randn({p.o, p.c / p.groups, p.kernel, p.kernel}), bias = randn({p.o});
    const int64_t out = (p.size + 2 * p.padding - p.dilation * (p.kernel - 1) - 1) / p.stride + 1;
    const auto image = [&](int64_t channels, int64_t size) {
      return empty_strided({p.n, channels, size, size},
                           strides_of({p.n, channels, size, size}, Layout::channels_last), DType::float32);
    };
    const Tensor y = image(p.o, out), y2 = image(p.o, out), dx = image(p.c, p.size), dx2 = image(p.c, p.size);
    const Tensor dw = empty(w.shape()), dw2 = empty(w.shape()), db = empty({p.o}), db2 = empty({p.o});
    ASSERT_TRUE(cpu::onednn::conv2d(x.in(), w.in(), bias.in(), rule, y.out()));
    cpu::reference::conv2d(x.in(), w.in(), bias.in(), rule, y2.out());
    EXPECT_TRUE(allclose(y, y2, {.rtol = 1e-4, .atol = 1e-3}));
    ASSERT_TRUE(cpu::onednn::conv2d_backward_input(y2.in(), w.in(), rule, dx.out()));
    cpu::reference::conv2d_backward_input(y2.in(), w.in(), rule, dx2.out());
    EXPECT_TRUE(allclose(dx, dx2, {.rtol = 1e-4, .atol = 1e-2}));
    ASSERT_TRUE(cpu::onednn::conv2d_backward_weight(x.in(), y2.in(), rule, dw.out(), db.out()));
    cpu::reference::conv2d_backward_weight(x.in(), y2.in(), rule, dw2.out(), db2.out());
    EXPECT_TRUE(allclose(dw, dw2, {.rtol = 1e-4, .atol = 1e-2}));
    EXPECT_TRUE(allclose(db, db2, {.rtol = 1e-4, .atol = 1e-2}));
  }
}

// A first layer: few channels in, any number out, filters that overhang the image.
TEST(Conv, ThinAgreesWithOurLoops) {
  const std::vector<Problem> thin = {{11, 1, 32, 28, 3, 1, 1, 1, 1}, {2, 1, 5, 9, 5, 2, 3, 1, 1},
                                     {3, 3, 40, 10, 3, 1, 0, 2, 1},  {1, 4, 17, 8, 3, 3, 2, 1, 1},
                                     {2, 2, 1, 40, 1, 1, 0, 1, 1},   {1, 1, 16, 2, 3, 2, 4, 1, 1}};
  for (const Problem& p : thin) {
    SCOPED_TRACE(testing::Message() << p.c << " to " << p.o << ", kernel " << p.kernel);
    const ConvRule rule = rule_of(p);
    const int64_t out = (p.size + 2 * p.padding - p.dilation * (p.kernel - 1) - 1) / p.stride + 1;
    const Tensor x = randn({p.n, p.c, p.size, p.size});
    const Tensor dy = arranged(randn({p.n, p.o, out, out}), Layout::channels_last);
    const Tensor dw = empty({p.o, p.c, p.kernel, p.kernel}), dw2 = empty(dw.shape());
    const Tensor db = empty({p.o}), db2 = empty({p.o});
    const Tensor w = randn(dw.shape()), bias = randn({p.o}), y = empty_like(dy), y2 = empty_like(dy);
    for (const In& b : {bias.in(), In{}}) {
      ASSERT_TRUE(cpu::thin_conv2d(x.in(), w.in(), b, rule, y.out()));
      cpu::reference::conv2d(x.in(), w.in(), b, rule, y2.out());
      EXPECT_TRUE(allclose(y, y2, {.rtol = 1e-5, .atol = 1e-5}));
    }
    ASSERT_TRUE(cpu::thin_conv2d_backward_weight(x.in(), dy.in(), rule, dw.out(), db.out()));
    cpu::reference::conv2d_backward_weight(x.in(), dy.in(), rule, dw2.out(), db2.out());
    EXPECT_TRUE(allclose(dw, dw2, {.rtol = 1e-5, .atol = 1e-4}));
    EXPECT_TRUE(allclose(db, db2, {.rtol = 1e-5, .atol = 1e-4}));
    ASSERT_TRUE(cpu::thin_conv2d_backward_weight(arranged(x, Layout::channels_last).in(), dy.in(), rule,
                                                 dw2.out(), {}));
    EXPECT_TRUE(equal(dw, dw2));
    EXPECT_FALSE(cpu::thin_conv2d_backward_weight(x.to(DType::float64).in(), dy.to(DType::float64).in(), rule,
                                                  dw.to(DType::float64).out(), {}));
  }
  const Tensor infinite = full({1, 1, 5, 5}, std::numeric_limits<double>::infinity());
  const Tensor sums = empty_strided({1, 2, 1, 1}, {2, 1, 2, 2}, DType::float32);
  ASSERT_TRUE(cpu::thin_conv2d(infinite.in(), ones({2, 1, 5, 5}).in(), {},
                               rule_of({1, 1, 2, 5, 5, 1, 0, 1, 1}), sums.out()));
  EXPECT_TRUE(equal(sums, full({1, 2, 1, 1}, std::numeric_limits<double>::infinity())));
  const ConvRule rule = rule_of(thin[0]);
  const Tensor x = randn({2, 8, 6, 6}), dy = arranged(randn({2, 4, 6, 6}), Layout::channels_last);
  const Tensor thick = empty({4, 8, 3, 3}), row_major = randn({2, 4, 6, 6}), slim = empty({4, 1, 3, 3});
  EXPECT_FALSE(cpu::thin_conv2d_backward_weight(x.in(), dy.in(), rule, thick.out(), {}));
  EXPECT_FALSE(
      cpu::thin_conv2d_backward_weight(x.narrow(1, 0, 1).in(), row_major.in(), rule, slim.out(), {}));
}

TEST(Conv, SeesNewWeights) {
  const Tensor x = randn({1, 16, 6, 6}), w = randn({16, 16, 3, 3});
  const Tensor before = conv2d(x, w);
  EXPECT_TRUE(equal(conv2d(x, w), before));  // by the kept copy
  w.mul_(2);
  EXPECT_TRUE(allclose(conv2d(x, w), before * 2, {.rtol = 1e-5, .atol = 1e-5}));
  const Tensor half = w.narrow(0, 8, 8);  // another view of the same memory
  EXPECT_TRUE(allclose(conv2d(x, half), conv2d(x, w).narrow(1, 8, 8), {.rtol = 1e-5, .atol = 1e-5}));
}

TEST(Conv, OnlyWantedGradients) {
  const Tensor x = randn({2, 3, 5, 5}), w = randn({4, 3, 3, 3}), bias = randn({4});
  bias.requires_grad_();
  const Tensor y = conv2d(x, w, bias);
  sum(y).backward();
  EXPECT_TRUE(allclose(bias.grad(), full({4}, 18.0)));
  EXPECT_FALSE(x.grad().defined());
  EXPECT_FALSE(w.grad().defined());
  EXPECT_FALSE(conv2d(x, w).requires_grad());
}

// Sums run in an order that the shape alone decides.
TEST(Conv, Float64DoesNotDependOnThreads) {
  const Tensor x = randn({9, 8, 12, 12}).to(DType::float64), w = randn({8, 8, 3, 3}).to(DType::float64);
  const int threads = num_threads();
  const auto gradients = [&](int count) {
    set_num_threads(count);
    const Tensor a = x.detach().requires_grad_(), b = w.detach().requires_grad_();
    const Tensor y = conv2d(a, b, {}, {.padding = 1});
    const std::vector<Tensor> g = grad({sum(y * y)}, {a, b});
    return std::vector<Tensor>{y, g[0], g[1]};
  };
  const auto one = gradients(1), three = gradients(3);
  set_num_threads(threads);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(equal(one[i], three[i]));
}

TEST(Padding, ByNameAndNumber) {
  EXPECT_TRUE(Padding("same").is_same());
  EXPECT_EQ(Padding("valid"), Padding(0));
  EXPECT_EQ(Padding(1, 2).sizes(), Pair(1, 2));
  EXPECT_FALSE(Pair().is_set());
  EXPECT_EQ(Pair().or_else(3), Pair(3, 3));
}

}  // namespace
}  // namespace st
