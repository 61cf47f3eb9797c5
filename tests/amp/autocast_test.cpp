// AutocastGuard: that products are computed in 16 bits and accumulated in 32, what stays in float32, casts
// kept once a version, gradients in float32, and the mode itself. bfloat16 is forced: it is emulated where
// the processor lacks it.
#include "spiraltorch/amp/autocast.h"

#include <gtest/gtest.h>

#include <thread>

#include "spiraltorch/amp/bfloat16.h"
#include "spiraltorch/amp/grad_scaler.h"
#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/backend/registry.h"
#include "spiraltorch/core/random.h"
#include "spiraltorch/nn/activation.h"
#include "spiraltorch/nn/linear.h"
#include "spiraltorch/nn/lstm.h"
#include "spiraltorch/nn/sequential.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/autocast.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/join.h"
#include "spiraltorch/ops/loss.h"
#include "spiraltorch/ops/matmul.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/recurrent.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/ops/softmax.h"
#include "spiraltorch/optim/sgd.h"
#include "tests/support/autocast.h"
#include "tests/support/message.h"

namespace st::amp {
namespace {

using test::rounded_to_16_bits;
using test::steps_apart;

class Autocast : public test::ForcedBfloat16 {};

TEST_F(Autocast, ProductsRoundTheirOperandsTo16Bits) {
  manual_seed(1);
  // All positive: nothing cancels, so that the rounding of the operands, not that of the result, tells the
  // two apart. The sizes reach oneDNN, the small loops and the vector kernel.
  for (const auto& [m, k, n] :
       {std::array<int64_t, 3>{96, 300, 80}, {5, 17, 3}, {1, 300, 80}, {70, 300, 1}}) {
    const Tensor x = full({m, k}, 1 + 0.0035), w = full({n, k}, 1 + 0.0035);  // 1 in 16 bits
    const Tensor b = rand({n});
    Tensor y, z;
    {
      const AutocastGuard guard(true, DType::bfloat16);
      y = linear(x, w, b);
      z = matmul(x, w.t());
    }
    EXPECT_EQ(y.dtype(), DType::bfloat16);
    EXPECT_EQ(z.dtype(), DType::bfloat16);
    // k (1 + 0.0035)^2 is k + 2 for k = 300: one step of bfloat16 there.
    EXPECT_EQ(z.select(0, 0).select(0, 0).item<double>(),
              tensor(static_cast<double>(k), DType::bfloat16).item<double>());
    EXPECT_NEAR(matmul(x, w.t()).select(0, 0).select(0, 0).item<double>(),
                static_cast<double>(k) * 1.0035 * 1.0035, 1e-2);

    const Tensor p = rand({m, k}), q = rand({n, k});
    {
      const AutocastGuard guard(true);
      y = linear(p, q, b);
      z = matmul(p, q.t());
    }
    const Tensor in16 = matmul(rounded_to_16_bits(p), rounded_to_16_bits(q).t());
    const Tensor in32 = matmul(p.to(DType::float64), q.to(DType::float64).t());
    EXPECT_LE(steps_apart(z, in16), 0.51);
    EXPECT_LE(steps_apart(y, in16 + rounded_to_16_bits(b)), 0.51);
    EXPECT_GT(abs(in16 - in32).max().item<double>(), 1e-4);
  }
}

TEST_F(Autocast, CancellationShowsThe16Bits) {
  // 1.0035 is 1 in 16 bits, -1 is itself: the products cancel there and do not in float32.
  const Tensor x = cat({full({64, 256}, 1.0035), full({64, 256}, -1.0)}, 1), w = ones({64, 512});
  const Tensor in32 = linear(x, w);
  const AutocastGuard guard;
  const Tensor in16 = linear(x, w);
  EXPECT_EQ(in16.dtype(), DType::bfloat16);
  EXPECT_EQ(abs(in16).max().item<double>(), 0);
  EXPECT_NEAR(in32.min().item<double>(), 256 * 0.0035, 1e-3);
}

TEST_F(Autocast, SumsAreAccumulatedInFloat32) {
  // In bfloat16 256 + 1 is 256: a sum of 1024 ones would stay there.
  for (const int64_t m : {1, 4, 128}) {
    const Tensor x = ones({m, 1024}), w = ones({64, 1024});
    const AutocastGuard guard;
    EXPECT_EQ(linear(x, w).min().item<double>(), 1024) << m;
    EXPECT_EQ(matmul(x, w.t()).min().item<double>(), 1024) << m;
  }
}

TEST_F(Autocast, GradientsArriveInFloat32AndAreThoseOf16Bits) {
  manual_seed(2);
  const Tensor x = randn({32, 48}), w = randn({40, 48}), b = randn({40}), dy = randn({32, 40});
  for (const Tensor& t : {x, w, b}) t.requires_grad_();
  Tensor y;
  {
    const AutocastGuard guard;
    y = linear(x, w, b);
  }
  y.backward({.gradient = dy.to(DType::bfloat16)});
  for (const Tensor& t : {x, w, b}) EXPECT_EQ(t.grad().dtype(), DType::float32);
  const Tensor g = rounded_to_16_bits(dy);
  const auto close = [](const Tensor& found, const Tensor& exact) {
    const double scale = abs(exact).max().item<double>();
    EXPECT_LE(abs(found.to(DType::float64) - exact).max().item<double>(), scale * 0x1p-8);
  };
  close(x.grad(), matmul(g, rounded_to_16_bits(w)));
  close(w.grad(), matmul(g.t(), rounded_to_16_bits(x)));
  close(b.grad(), sum(g, 0));
  // Each is a number of 16 bits.
  EXPECT_TRUE(equal(w.grad(), w.grad().to(DType::bfloat16).to(DType::float32)));
}

TEST_F(Autocast, BackwardInsideTheGuardComputesAsForwardDid) {
  const Tensor x = randn({8, 8}), w = randn({8, 8});
  w.requires_grad_();
  const Tensor in32 = sum(matmul(x, w));
  const AutocastGuard guard;
  in32.backward();
  EXPECT_EQ(w.grad().dtype(), DType::float32);
  const AutocastGuard off(false);
  const Tensor exact = matmul(x.t(), ones({8, 8}));
  EXPECT_LE(abs(w.grad() - exact).max().item<double>(), 1e-5);
}

TEST_F(Autocast, TheCastOfAWeightIsMadeOnceAVersion) {
  const Tensor w = randn({16, 16});
  w.requires_grad_();
  const AutocastGuard guard;
  const Tensor first = autocast_weight(w), second = autocast_weight(w);
  EXPECT_EQ(first.storage(), second.storage());
  EXPECT_FALSE(first.is_same(second));  // each use has its own history
  EXPECT_EQ(autocast(w).storage(), first.storage());
  {
    const NoGradGuard no_grad;
    w.mul_(2.0);
  }
  const Tensor third = autocast_weight(w);
  EXPECT_NE(third.storage(), first.storage());
  EXPECT_TRUE(equal(third.detach(), w.detach().to(DType::bfloat16)));
  // A view is a weight of its own, and an activation is cast anew.
  EXPECT_EQ(autocast_weight(w.t().detach()).shape(), (Shape{16, 16}));
  const Tensor x = randn({4, 4});
  EXPECT_NE(autocast(x).storage(), autocast(x).storage());
  // The gradients of several uses meet in float32.
  const Tensor y = sum(autocast_weight(w).to(DType::float32)) + sum(autocast_weight(w).to(DType::float32));
  y.backward();
  EXPECT_EQ(w.grad().dtype(), DType::float32);
  EXPECT_EQ(w.grad().max().item<double>(), 2);
}

// The LSTM's equations in float64; `rounded` is what becomes of the h that is multiplied.
template <class F>
Tensor lstm_by_hand(const Tensor& x, const Tensor& w, const Tensor& u, const Tensor& b, const F& rounded) {
  Tensor h = zeros({x.size(1), u.size(1)}, DType::float64), c = h;
  std::vector<Tensor> all;
  for (int64_t t = 0; t < x.size(0); ++t) {
    const std::vector<Tensor> part = chunk(linear(x.select(0, t), w, b) + linear(h, u), 4, 1);
    c = sigmoid(part[1]) * c + sigmoid(part[0]) * tanh(part[2]);
    h = rounded(sigmoid(part[3]) * tanh(c));
    all.push_back(h);
  }
  return stack(all, 0);
}

TEST_F(Autocast, TheLstmMultiplies16Bits) {
  manual_seed(5);
  for (const int64_t hidden : {5, 40}) {
    nn::Lstm lstm("l", 48, hidden);
    const Tensor x = randn({7, 33, 48});
    const auto by_hand = [&](const auto& rounded) {
      const nn::LstmWeights& w = lstm.weights(0);
      const NoGradGuard no_grad;
      const Tensor bias = rounded(w.bias_ih) + rounded(w.bias_hh);
      return lstm_by_hand(rounded(x), rounded(w.weight_ih), rounded(w.weight_hh), bias, rounded);
    };
    const Tensor in16 = by_hand(rounded_to_16_bits),
                 in32 = by_hand([](const Tensor&t) { return t.to(DType::float64); });
    Tensor y;
    {
      const AutocastGuard guard;
      y = lstm(x);
      EXPECT_EQ(lstm(x.to(DType::bfloat16)).dtype(), DType::bfloat16);
      EXPECT_EQ(lstm.state().h.dtype(), DType::bfloat16);
    }
    EXPECT_EQ(y.dtype(), DType::bfloat16);
    // A sum that lies between two numbers may be rounded to the other one, and steps go on from there.
    const auto off = [&](const Tensor& exact) {
      return mean(abs(y.detach().to(DType::float64) - exact)).item<double>();
    };
    EXPECT_LT(off(in16), 0.1 * off(in32));
    EXPECT_GT(abs(in16 - in32).max().item<double>(), 1e-3);
    sum(y).backward();
    for (const Tensor& p : lstm.parameters()) EXPECT_EQ(p.grad().dtype(), DType::float32);
    EXPECT_EQ(lstm(x).dtype(), DType::float32);
  }
}

// Large steps are multiplied by oneDNN, small ones by our own loops: they must not differ but where a sum
// lies between two numbers of 16 bits. Both directions, with and without a state before and a gradient
// behind.
TEST_F(Autocast, TheLstmsStepsMayBeLargeOrSmall) {
  manual_seed(6);
  const int64_t steps = 5, batch = 36, hidden = 40, small = 4;
  const Tensor weight_ih = randn({4 * hidden, 8}) * 0.3, weight_hh = randn({4 * hidden, hidden}) * 0.2;
  for (const bool reverse : {false, true}) {
    for (const bool attached : {false, true}) {
      const Tensor x = randn({steps, batch, 8}), h0 = randn({batch, hidden}), c0 = randn({batch, hidden}),
                   dy = randn({steps, batch, hidden}), dh = randn({batch, hidden});
      // Outputs and the gradients of x, h0 and c0 of these rows.
      const auto run = [&](int64_t first, int64_t count) {
        const AutocastGuard guard;
        const auto rows = [&](const Tensor& t, int dim) {
          const Tensor part = narrow(t, dim, first, count).clone();
          return part.requires_grad_();
        };
        const Tensor xs = rows(x, 1), hs = rows(h0, 0), cs = rows(c0, 0);
        const LstmResult r = lstm(xs, attached ? hs : Tensor(), attached ? cs : Tensor(), weight_ih,
                                  weight_hh, {}, {}, {.reverse = reverse});
        Tensor loss = sum(r.output.to(DType::float32) * narrow(dy, 1, first, count));
        if (attached) loss = loss + sum(r.h.to(DType::float32) * narrow(dh, 0, first, count));
        loss.backward();
        std::vector<Tensor> all{r.output.detach().to(DType::float32), xs.grad()};
        if (attached) all.insert(all.end(), {unsqueeze(hs.grad(), 0), unsqueeze(cs.grad(), 0)});
        return all;
      };
      const std::vector<Tensor> large = run(0, batch);
      std::vector<std::vector<Tensor>> pieces(large.size());
      for (int64_t at = 0; at < batch; at += small) {
        const std::vector<Tensor> part = run(at, small);
        for (size_t i = 0; i < part.size(); ++i) pieces[i].push_back(part[i]);
      }
      for (size_t i = 0; i < large.size(); ++i) {
        const Tensor off = abs(large[i] - cat(pieces[i], 1));
        EXPECT_LT(mean(off).item<double>(), 1e-3 * mean(abs(large[i])).item<double>()) << i << reverse;
        EXPECT_LT(off.max().item<double>(), 0.02 * abs(large[i]).max().item<double>()) << i << reverse;
      }
    }
  }
}

TEST_F(Autocast, LossesAndProdComputeInFloat32) {
  const Tensor x = randn({4, 5}).to(DType::bfloat16), p = softmax(x, 1), y = tensor({0, 1, 2, 3});
  const AutocastGuard guard;
  for (const Tensor& loss :
       {cross_entropy(x, y), nll_loss(x, y), mse_loss(x, p), l1_loss(x, p), smooth_l1_loss(x, p),
        kl_div(x, p), binary_cross_entropy(p, p), binary_cross_entropy_with_logits(x, p), prod(x)})
    EXPECT_EQ(loss.dtype(), DType::float32);
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    EXPECT_EQ(cross_entropy(x, y, {.weight = ones({5}, dtype)}).dtype(), DType::float32);
    EXPECT_EQ(nll_loss(x, y, {.weight = ones({5}, dtype)}).dtype(), DType::float32);
  }
  const AutocastGuard off(false);
  EXPECT_EQ(cross_entropy(x, y).dtype(), DType::bfloat16);
  EXPECT_EQ(l1_loss(x, p).dtype(), DType::bfloat16);
}

TEST_F(Autocast, LeavesOtherDtypesAlone) {
  const AutocastGuard guard;
  EXPECT_EQ(matmul(ones({2, 2}, DType::float64), ones({2, 2}, DType::float64)).dtype(), DType::float64);
  EXPECT_EQ(matmul(ones({2, 2}, DType::int64), ones({2, 2}, DType::int64)).dtype(), DType::int64);
  EXPECT_EQ((ones({2}) + ones({2})).dtype(), DType::float32);
  EXPECT_EQ(sum(ones({2})).dtype(), DType::float32);
  EXPECT_EQ(matmul(ones({2, 2}, DType::bfloat16), ones({2, 2})).dtype(), DType::bfloat16);
}

TEST_F(Autocast, NestsRestoresAndBelongsToItsThread) {
  EXPECT_EQ(autocast_dtype(), std::nullopt);
  {
    const AutocastGuard guard(true);
    EXPECT_EQ(autocast_dtype(), DType::bfloat16);
    {
      const AutocastGuard off(false);
      EXPECT_EQ(autocast_dtype(), std::nullopt);
      EXPECT_EQ(matmul(ones({2, 2}), ones({2, 2})).dtype(), DType::float32);
      {
        const AutocastGuard on(true);
        EXPECT_EQ(autocast_dtype(), DType::bfloat16);
      }
      EXPECT_EQ(autocast_dtype(), std::nullopt);
    }
    EXPECT_EQ(autocast_dtype(), DType::bfloat16);
    std::optional<DType> elsewhere = DType::float64;
    std::thread([&] { elsewhere = autocast_dtype(); }).join();
    EXPECT_EQ(elsewhere, std::nullopt);
    try {
      const AutocastGuard off(false);
      throw std::runtime_error("");
    } catch (const std::runtime_error&) {
      EXPECT_EQ(autocast_dtype(), DType::bfloat16);
    }
  }
  EXPECT_EQ(autocast_dtype(), std::nullopt);
}

TEST_F(Autocast, RefusesWhatTheCpuHasNotWithAReason) {
  EXPECT_EQ(
      message<DTypeError>([] { AutocastGuard(true, DType::float16); }),
      "AutocastGuard: products of float16 are not computed on the CPU: gradients overflow its range, and few "
      "processors have instructions for it; use bfloat16");
  EXPECT_EQ(message<DTypeError>([] { AutocastGuard(true, DType::int64); }),
            "AutocastGuard: dtype must be bfloat16, got int64");
  EXPECT_EQ(autocast_dtype(), std::nullopt);
}

TEST_F(Autocast, WithoutInstructionsItSaysSoOnceAndComputesInFloat32) {
  set_bfloat16_policy(Bfloat16::off);
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) {
    const AutocastGuard guard;
    EXPECT_EQ(matmul(ones({2, 2}), ones({2, 2})).dtype(), DType::float32);
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "spiraltorch: this processor has no instructions for bfloat16 (AVX-512 BF16 or AMX): autocast "
            "computes in float32\n");
  set_bfloat16_policy(Bfloat16::processor);
  const AutocastGuard guard;
  EXPECT_EQ(autocast_dtype().has_value(), backend(Device::cpu).has_instructions_for(DType::bfloat16));
}

TEST_F(Autocast, ElementwiseOpsOf16BitsFollowInBothDirections) {
  manual_seed(3);
  const Tensor x = randn({33}).to(DType::bfloat16), y = (rand({33}) + 1).to(DType::bfloat16);
  x.requires_grad_();
  y.requires_grad_();
  const Tensor z = relu(x) * y + x / y - sigmoid(x) + 0.5;
  EXPECT_EQ(z.dtype(), DType::bfloat16);
  sum(z).backward();
  const Tensor a = x.detach().to(DType::float64), b = y.detach().to(DType::float64);
  a.requires_grad_();
  b.requires_grad_();
  const Tensor exact = relu(a) * b + a / b - sigmoid(a) + 0.5;
  sum(exact).backward();
  EXPECT_EQ(x.grad().dtype(), DType::bfloat16);
  EXPECT_TRUE(allclose(z.detach().to(DType::float64), exact.detach(), {.rtol = 0.02, .atol = 0.03}));
  EXPECT_TRUE(allclose(x.grad().to(DType::float64), a.grad(), {.rtol = 0.02, .atol = 0.03}));
  EXPECT_TRUE(allclose(y.grad().to(DType::float64), b.grad(), {.rtol = 0.02, .atol = 0.03}));
}

TEST_F(Autocast, ANetworkLearnsIn16BitsWithTheScaler) {
  manual_seed(4);
  nn::Sequential net{nn::Linear("a", 8, 64), nn::ReLU(), nn::Linear("b", 64, 3)};
  nn::Sequential copy = net;
  const Tensor x = randn({96, 8}), target = argmax(narrow(x, 1, 0, 3), 1);
  const auto train = [&](nn::Sequential& model, bool enabled) {
    optim::SGD opt(model.parameters(), {.lr = 0.2, .momentum = 0.9});
    GradScaler scaler(1024.0);
    double last = 0;
    for (int step = 0; step < 60; ++step) {
      Tensor loss;
      {
        const AutocastGuard guard(enabled);
        const Tensor logits = model(x);
        EXPECT_EQ(logits.dtype(), enabled ? DType::bfloat16 : DType::float32);
        loss = cross_entropy(logits, target);
      }
      EXPECT_EQ(loss.dtype(), DType::float32);
      last = loss.item<double>();
      scaler.scale_loss(loss).backward();
      EXPECT_TRUE(scaler.step(opt, model));
      opt.zero_grad();
    }
    return last;
  };
  const double in32 = train(net, false), in16 = train(copy, true);
  EXPECT_LT(in32, 0.1);
  EXPECT_NEAR(in16, in32, 0.02);
  EXPECT_EQ(copy.parameters()[0].dtype(), DType::float32);
}

}  // namespace
}  // namespace st::amp
