// lstm beyond the case table: sizes around the kernel's tiles and chunks, threads, views, what is kept.
#include "spiraltorch/ops/recurrent.h"

#include <gtest/gtest.h>

#include <cmath>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/autograd/gradcheck.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/core/parallel.h"
#include "spiraltorch/core/random.h"
#include "spiraltorch/ops/activation.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/join.h"
#include "spiraltorch/ops/matmul.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"

namespace st {
namespace {

struct Problem {
  std::vector<Tensor> inputs;  // x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh
  std::vector<Tensor> cotangents;
};

Problem problem(int64_t steps, int64_t batch, int64_t in, int64_t hidden, DType dtype) {
  manual_seed(1);
  const double scale = 1 / std::sqrt(static_cast<double>(hidden));
  Problem p{
      {randn({steps, batch, in}, dtype), randn({batch, hidden}, dtype), randn({batch, hidden}, dtype),
       randn({4 * hidden, in}, dtype) * scale, randn({4 * hidden, hidden}, dtype) * scale,
       randn({4 * hidden}, dtype), randn({4 * hidden}, dtype)},
      {randn({steps, batch, hidden}, dtype), randn({batch, hidden}, dtype), randn({batch, hidden}, dtype)}};
  for (const Tensor& t : p.inputs) t.requires_grad_();
  return p;
}

LstmResult fused(const std::vector<Tensor>& t, bool reverse) {
  return lstm(t[0], t[1], t[2], t[3], t[4], t[5], t[6], {.reverse = reverse});
}

Tensor in_16_bits(const Tensor& x) { return x.to(DType::bfloat16).to(x.dtype()); }

// The equation, step by step; narrow: h in 16 bits.
LstmResult composed(const std::vector<Tensor>& t, bool reverse, bool narrow = false) {
  Tensor h = t[1], c = t[2];
  const int64_t steps = t[0].size(0);
  std::vector<Tensor> outputs(static_cast<size_t>(steps));
  for (int64_t s = 0; s < steps; ++s) {
    const int64_t at = reverse ? steps - 1 - s : s;
    const Tensor sums = linear(select(t[0], 0, at), t[3], t[5]) + linear(h, t[4], t[6]);
    const std::vector<Tensor> part = chunk(sums, 4, 1);
    c = sigmoid(part[1]) * c + sigmoid(part[0]) * tanh(part[2]);
    h = sigmoid(part[3]) * tanh(c);
    if (narrow) h = in_16_bits(h);
    outputs[static_cast<size_t>(at)] = h;
  }
  return {stack(outputs, 0), h, c};
}

std::vector<Tensor> gradients(const LstmResult& y, const Problem& p) {
  return grad({y.output, y.h, y.c}, p.inputs, {.grad_outputs = p.cotangents});
}

double worst(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  return max(abs(a - b)).item<double>() / std::max(1.0, max(abs(b)).item<double>());
}

void expect_composed(int64_t steps, int64_t batch, int64_t in, int64_t hidden) {
  for (const DType dtype : {DType::float64, DType::float32}) {
    const double tolerance = dtype == DType::float64 ? 1e-13 : 1e-5;
    for (const bool reverse : {false, true}) {
      SCOPED_TRACE(::testing::Message() << steps << " steps, batch " << batch << ", hidden " << hidden
                                        << (reverse ? ", reverse" : "") << " " << dtype_name(dtype));
      const Problem p = problem(steps, batch, in, hidden, dtype);
      const LstmResult a = fused(p.inputs, reverse), b = composed(p.inputs, reverse);
      EXPECT_LT(worst(a.output, b.output), tolerance);
      EXPECT_LT(worst(a.h, b.h), tolerance);
      EXPECT_LT(worst(a.c, b.c), tolerance);
      const std::vector<Tensor> da = gradients(a, p), db = gradients(b, p);
      for (size_t i = 0; i < da.size(); ++i) EXPECT_LT(worst(da[i], db[i]), 4 * tolerance) << "input " << i;
    }
  }
}

TEST(Lstm, EqualsTheEquation) {
  for (const int64_t batch : {1, 5, 6, 7, 23, 24, 25, 49}) expect_composed(2, batch, 3, 9);
  for (const int64_t hidden : {1, 7, 8, 15, 16, 31, 32, 33, 63, 64, 65, 130})
    expect_composed(3, 3, 2, hidden);
  expect_composed(20, 4, 6, 20);
}

TEST(Lstm, ThreadsDoNotChangeTheResult) {
  const Problem p = problem(4, 50, 16, 130, DType::float32);
  const int before = num_threads();
  std::vector<Tensor> first;
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    const LstmResult y = fused(p.inputs, false);
    std::vector<Tensor> all = gradients(y, p);
    // The products go through oneDNN, whose sums may depend on threads; ours are y, dh0, dc0 and the biases'.
    all = {y.output, y.c, all[1], all[2], all[5]};
    if (first.empty()) first = all;
    for (size_t i = 0; i < all.size(); ++i)
      EXPECT_LT(worst(all[i], first[i]), i == 0 ? 1e-6 : 2e-6) << threads << " threads, " << i;
  }
  set_num_threads(before);
}

// Where only some outputs are used, the others' gradients are not made up as zeros in memory.
TEST(Lstm, EachOutputAlone) {
  const Problem p = problem(3, 2, 4, 5, DType::float64);
  for (const bool reverse : {false, true}) {
    const LstmResult a = fused(p.inputs, reverse), b = composed(p.inputs, reverse);
    const auto of = [](const LstmResult& y, int i) { return i == 0 ? y.output : i == 1 ? y.h : y.c; };
    for (int i = 0; i < 3; ++i) {
      const GradOptions options{.grad_outputs = {p.cotangents[static_cast<size_t>(i)]}, .retain_graph = true};
      const auto da = grad({of(a, i)}, p.inputs, options), db = grad({of(b, i)}, p.inputs, options);
      for (size_t j = 0; j < da.size(); ++j) EXPECT_LT(worst(da[j], db[j]), 1e-13);
    }
  }
}

TEST(Lstm, Gradcheck) {
  const Problem p = problem(3, 2, 3, 4, DType::float64);
  for (const bool reverse : {false, true}) {
    const auto f = [reverse](const std::vector<Tensor>& t) {
      const LstmResult y = fused(t, reverse);
      return std::vector<Tensor>{y.output, y.h, y.c};
    };
    gradcheck(f, p.inputs);
    gradgradcheck(f, p.inputs);
  }
}

// Rows with gaps, as the halves of a bidirectional output have, and transposed batches are read in place.
TEST(Lstm, ReadsGradientsOfAnyLayout) {
  const Problem p = problem(3, 4, 3, 6, DType::float64);
  const LstmResult y = fused(p.inputs, false);
  const Tensor dy = p.cotangents[0];
  const auto with = [&](const Tensor& g) {
    return grad({y.output}, p.inputs, {.grad_outputs = {g}, .retain_graph = true, .allow_unused = true});
  };
  const auto expected = with(dy);
  for (const Tensor& same :
       {narrow(cat({dy, dy}, 2), 2, 6, 6), transpose(transpose(dy, 0, 1).contiguous(), 0, 1),
        permute(permute(dy, {2, 1, 0}).contiguous(), {2, 1, 0})}) {
    const auto actual = with(same);
    for (size_t i = 0; i < actual.size(); ++i) EXPECT_EQ(worst(actual[i], expected[i]), 0) << i;
  }
}

TEST(Lstm, WithoutAGradientTheResultIsTheSame) {
  const Problem p = problem(5, 3, 3, 17, DType::float32);
  const LstmResult recorded = fused(p.inputs, true);
  const NoGradGuard guard;
  const LstmResult plain = fused(p.inputs, true);
  EXPECT_TRUE(equal(plain.output, recorded.output) && equal(plain.h, recorded.h) &&
              equal(plain.c, recorded.c));
  EXPECT_FALSE(plain.output.requires_grad());
}

// Under autocast the operands of all products are rounded to bfloat16; sums, gates and cells are float32.
TEST(Lstm, AutocastComputesInSixteenBits) {
  const Problem p = problem(5, 4, 8, 64, DType::float32);
  const LstmResult exact = fused(p.inputs, false);
  std::vector<Tensor> rounded;
  for (const Tensor& t : p.inputs) rounded.push_back(t.detach().to(DType::bfloat16).to(DType::float32));
  const Tensor reference = fused(rounded, false).output;
  const auto low = [&] {
    const AutocastMode mode(DType::bfloat16);
    return fused(p.inputs, false);
  }();
  EXPECT_EQ(low.output.dtype(), DType::bfloat16);
  const double off = worst(low.output.to(DType::float32), reference);
  EXPECT_LT(off, 0.02);
  EXPECT_GT(worst(low.output.to(DType::float32), exact.output), 1e-3);

  const auto expected = gradients(exact, p);
  const std::vector<Tensor> dys = {p.cotangents[0].to(DType::bfloat16), p.cotangents[1].to(DType::bfloat16),
                                   p.cotangents[2].to(DType::bfloat16)};
  const auto actual = grad({low.output, low.h, low.c}, p.inputs, {.grad_outputs = dys});
  for (size_t i = 0; i < actual.size(); ++i) {
    EXPECT_EQ(actual[i].dtype(), DType::float32);
    EXPECT_LT(worst(actual[i], expected[i]), 0.05) << "input " << i;
  }

  const Problem wide = problem(2, 2, 3, 4, DType::float64);
  const AutocastMode mode(DType::bfloat16);
  EXPECT_EQ(fused(wide.inputs, false).output.dtype(), DType::float64);
}

// The state that enters a product is of 16 bits, too: with weights of this size that shows from step to step.
TEST(Lstm, AutocastMultipliesARoundedState) {
  for (const bool reverse : {false, true}) {
    Problem p = problem(8, 5, 4, 70, DType::float32);
    {
      const NoGradGuard no_grad;
      p.inputs[4].mul_(4);
    }
    std::vector<Tensor> rounded;
    for (const Tensor& t : p.inputs)
      rounded.push_back(in_16_bits(t.detach()).to(DType::float64).requires_grad_());
    const LstmResult narrow = composed(rounded, reverse, true), wide = composed(rounded, reverse, false);
    const LstmResult low = [&] {
      const AutocastMode mode(DType::bfloat16);
      return fused(p.inputs, reverse);
    }();
    const auto off = [](const Tensor& a, const Tensor& b) {
      return mean(abs(a.detach().to(DType::float64) - b.detach())).item<double>();
    };
    const Tensor apart = in_16_bits(wide.output);
    EXPECT_LT(off(low.output, narrow.output), 0.1 * off(low.output, apart));
    EXPECT_GT(off(low.output, apart), 2e-4);
    EXPECT_TRUE(equal(low.h, low.output.select(0, reverse ? 0 : 7)));

    // Its gradients are those of the rounded state as well, but for roundings of their own.
    std::vector<Tensor> dys, dys64;
    for (const Tensor& dy : p.cotangents) {
      dys.push_back(dy.to(DType::bfloat16));
      dys64.push_back(dys.back().to(DType::float64));
    }
    const auto actual = grad({low.output, low.h, low.c}, p.inputs, {.grad_outputs = dys});
    const auto expected = grad({narrow.output, narrow.h, narrow.c}, rounded, {.grad_outputs = dys64}),
               others = grad({wide.output, wide.h, wide.c}, rounded, {.grad_outputs = dys64});
    for (size_t i = 0; i < actual.size(); ++i) {
      EXPECT_LT(off(actual[i], expected[i]), 0.8 * off(actual[i], others[i])) << "input " << i;
    }
  }
}

TEST(Lstm, FrozenWeightsGetNoGradient) {
  const Problem p = problem(3, 2, 3, 4, DType::float32);
  for (size_t i = 3; i < 7; ++i) p.inputs[i].requires_grad_(false);
  sum(fused(p.inputs, false).output).backward();
  EXPECT_TRUE(p.inputs[0].grad().defined());
  EXPECT_FALSE(p.inputs[4].grad().defined());
}

}  // namespace
}  // namespace st
