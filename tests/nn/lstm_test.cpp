// Lstm against torch.nn.LSTM (tests/reference/lstm_reference.py), its state, and what it shares with every
// layer. The equation itself is in the case table, the kernels are in tests/ops/recurrent_test.cpp.
#include "spiraltorch/nn/lstm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/autograd/gradcheck.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/core/random.h"
#include "spiraltorch/io/safetensors.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/message.h"

namespace st::nn {
namespace {

const StateDict& recorded() {
  static const StateDict values = io::load_safetensors(SPIRALTORCH_TESTS_DIR "/nn/lstm.safetensors");
  return values;
}

double worst(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  return max(abs(a.to(DType::float64) - b)).item<double>();
}

Lstm made(const LstmOptions& options) {
  manual_seed(5);
  return {"lstm", 3, 5, options};
}

struct Configuration {
  const char* name;
  LstmOptions options;
};

void expect_pytorch(const std::string& name, const LstmOptions& options, bool with_state) {
  for (const DType dtype : {DType::float64, DType::float32}) {
    SCOPED_TRACE(name + (dtype == DType::float64 ? " in float64" : " in float32"));
    const double tolerance = dtype == DType::float64 ? 1e-13 : 3e-6;
    const auto value = [&](const std::string& key) { return recorded().at(name + "/" + key); };
    const auto leaf = [&](const std::string& key) { return value(key).to(dtype).clone().requires_grad_(); };
    Lstm net = made(options);
    net.to(dtype);
    const Tensor x = leaf("x");
    const LstmState start = with_state ? LstmState{leaf("h0"), leaf("c0")} : LstmState{};
    const auto [y, end] = net(x, start);
    EXPECT_LT(worst(y, value("y")), tolerance);
    EXPECT_LT(worst(end.h, value("h")), tolerance);
    EXPECT_LT(worst(end.c, value("c")), tolerance);
    sum(y * value("dy").to(dtype))
        .add(sum(end.h * value("dh").to(dtype)))
        .add(sum(end.c * value("dc").to(dtype)))
        .backward();
    EXPECT_LT(worst(x.grad(), value("dx")), 4 * tolerance);
    if (with_state) {
      EXPECT_LT(worst(start.h.grad(), value("dh0")), 4 * tolerance);
      EXPECT_LT(worst(start.c.grad(), value("dc0")), 4 * tolerance);
    }
    size_t parameters = 0;
    for (const auto& [key, p] : net.named_parameters()) {
      EXPECT_LT(worst(p.grad(), value("grad." + key)), 10 * tolerance) << key;
      ++parameters;
    }
    EXPECT_EQ(parameters, static_cast<size_t>(options.num_layers * (options.bidirectional ? 2 : 1) *
                                              (options.bias ? 4 : 2)));
  }
}

TEST(Lstm, IsPyTorchs) {
  expect_pytorch("plain/batched", {}, true);
  expect_pytorch("layers/batched", {.num_layers = 3}, true);
  expect_pytorch("no_bias/batched", {.num_layers = 2, .bias = false}, true);
  expect_pytorch("batch_first/batched", {.batch_first = true}, true);
  expect_pytorch("bidirectional/batched", {.bidirectional = true}, true);
  expect_pytorch("everything/batched", {.num_layers = 2, .batch_first = true, .bidirectional = true}, true);
  expect_pytorch("plain/unbatched", {}, true);
  expect_pytorch("bidirectional/unbatched", {.bidirectional = true}, true);
  expect_pytorch("plain/zeros", {}, false);
}

TEST(Lstm, WeightsAreDrawnAsPyTorchDrawsThem) {
  const Lstm net = made({.num_layers = 2, .batch_first = true, .bidirectional = true});
  const StateDict state = net.state_dict();
  std::vector<std::string> keys;
  for (const auto& [key, value] : state) {
    keys.push_back(key);
    EXPECT_TRUE(equal(value, recorded().at("weights/" + key))) << key;
  }
  std::vector<std::string> expected;
  for (const char* layer : {"_l0", "_l0_reverse", "_l1", "_l1_reverse"}) {
    for (const char* name : {"weight_ih", "weight_hh", "bias_ih", "bias_hh"})
      expected.push_back(std::string(name) + layer);
  }
  EXPECT_EQ(keys, expected);
  EXPECT_EQ(state.at("weight_ih_l1").shape(), (Shape{20, 10}));
}

TEST(Lstm, ResetDrawsAnew) {
  Lstm net = made({});
  const Tensor first = net.weights().weight_hh.clone();
  net.reset_parameters();
  EXPECT_FALSE(equal(net.weights().weight_hh, first));
  manual_seed(5);
  net.reset_parameters();
  EXPECT_TRUE(equal(net.weights().weight_hh, first));
}

// Half of a sequence, then the other half from where the first ended, is the whole sequence.
TEST(Lstm, StateGoesFromCallToCall) {
  Lstm net = made({.num_layers = 2});
  const Tensor x = randn({6, 2, 3}), whole = net(x);
  const LstmState end = net.state();
  EXPECT_EQ(end.h.shape(), (Shape{2, 2, 5}));
  EXPECT_FALSE(end.h.requires_grad());
  EXPECT_TRUE(equal(select(end.h, 0, 1), select(whole, 0, 5)));

  net(narrow(x, 0, 0, 3));
  const LstmState middle = net.state();
  EXPECT_TRUE(equal(net(narrow(x, 0, 3, 3)), net(narrow(x, 0, 3, 3))));  // it starts from zeros each time
  net.set_state(middle.h, middle.c);
  EXPECT_TRUE(equal(net.state().h, middle.h));
  for (int repeat = 0; repeat < 2; ++repeat)  // from the set state each time
    EXPECT_TRUE(allclose(net(narrow(x, 0, 3, 3)), narrow(whole, 0, 3, 3), {.rtol = 0, .atol = 1e-6}));
  EXPECT_TRUE(allclose(net.state().c, end.c, {.rtol = 0, .atol = 1e-6}));

  net.reset_state();
  EXPECT_TRUE(equal(net.state().h, zeros({2, 2, 5})));
  EXPECT_TRUE(equal(net(x), whole));
}

TEST(Lstm, CarriesItsState) {
  Lstm net = made({.carry_state = true});
  const Tensor x = randn({6, 3}), whole = net(x);
  EXPECT_TRUE(equal(net.state().h, narrow(whole, 0, 5, 1)));
  net.reset_state();
  const Tensor first = net(narrow(x, 0, 0, 2)), second = net(narrow(x, 0, 2, 4));
  EXPECT_TRUE(allclose(first, narrow(whole, 0, 0, 2), {.rtol = 0, .atol = 1e-6}));
  EXPECT_TRUE(allclose(second, narrow(whole, 0, 2, 4), {.rtol = 0, .atol = 1e-6}));
  sum(second).backward();  // stops at the carried state
  EXPECT_TRUE(net.weights().weight_hh.grad().defined());

  // The state is the layer's own: what it was set from may change, and it follows the layer's dtype.
  const Tensor h = ones({5}), c = zeros({5});
  net.set_state(h, c);
  h.fill_(7);
  EXPECT_EQ(net.state().h.to_vector<float>(), std::vector<float>(5, 1));
  EXPECT_EQ(net.state().h.shape(), (Shape{1, 5}));
  net.to(DType::float64);
  EXPECT_EQ(net(x.to(DType::float64)).dtype(), DType::float64);
}

TEST(Lstm, BeforeTheFirstForwardTheStateIsZeros) {
  EXPECT_TRUE(equal(made({.bidirectional = true}).state().c, zeros({2, 5})));
}

TEST(Lstm, TheAttachedCallLeavesTheStateAlone) {
  Lstm net = made({.carry_state = true});
  net.set_state(ones({1, 5}), ones({1, 5}));
  const Tensor x = randn({2, 3}), h = zeros({1, 5}).requires_grad_();
  const auto [y, end] = net(x, {h, zeros({1, 5})});
  EXPECT_TRUE(end.h.requires_grad() && end.c.requires_grad());
  sum(end.c).backward();
  EXPECT_TRUE(h.grad().defined());
  EXPECT_TRUE(equal(net.state().h, ones({1, 5})));
  const auto [other, unused] = net(x, {});
  EXPECT_TRUE(equal(other, y));
}

TEST(Lstm, HooksSeeTheOutput) {
  Lstm net = made({});
  int calls = 0;
  HookHandle handle = net.register_forward_hook([&](Module&, const Tensor& y) {
    ++calls;
    return y * 2;
  });
  const Tensor x = randn({2, 3}), doubled = net(x), of_pair = net(x, {}).output;
  handle.remove();
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(equal(doubled, net(x) * 2) && equal(doubled, of_pair));
}

TEST(Lstm, CopiesAreDeep) {
  Lstm net = made({.num_layers = 2, .carry_state = true});
  const Tensor x = randn({2, 3});
  net(x);
  Lstm copy = net;
  EXPECT_TRUE(equal(copy.state().h, net.state().h));
  const Tensor again = net(x);
  EXPECT_TRUE(equal(copy(x), again));
  copy.weights(1).bias_hh.Tensor::detach().fill_(3);
  EXPECT_FALSE(equal(copy(x), net(x)));

  const Tensor leaf = net.weights().weight_hh;
  net = copy;  // fills the leaves that are there
  EXPECT_TRUE(leaf.is_same(net.weights().weight_hh));
  EXPECT_TRUE(equal(net(x), copy(x)));
  Lstm moved = std::move(copy);
  EXPECT_EQ(moved.named_parameters().size(), 8u);
}

// Weights that are written to are not taken from the packed copy of an earlier version.
TEST(Lstm, SeesNewWeights) {
  Lstm net = made({});
  const Tensor x = randn({4, 3}), before = net(x);
  {
    const NoGradGuard guard;
    net.weights().weight_hh.zero_();
  }
  EXPECT_FALSE(equal(net(x), before));
  net.load_state_dict(made({}).state_dict());
  EXPECT_TRUE(equal(net(x), before));
}

TEST(Lstm, DropsBetweenLayersInTraining) {
  Lstm net = made({.num_layers = 2, .dropout = 0.5});
  const Tensor x = randn({4, 2, 3});
  EXPECT_FALSE(equal(net(x), net(x)));
  manual_seed(8);
  const Tensor first = net(x);
  manual_seed(8);
  EXPECT_TRUE(equal(net(x), first));
  net.eval();
  EXPECT_TRUE(equal(net(x), net(x)));
  EXPECT_TRUE(equal(net(x), made({.num_layers = 2})(x)));
  // Everything dropped: the upper layer sees zeros.
  Lstm all = made({.num_layers = 2, .dropout = 1});
  EXPECT_TRUE(equal(all(x), all(x + 1)));
  // Not behind the last layer.
  Lstm one = made({.dropout = 0.9});
  EXPECT_TRUE(equal(one(x), made({})(x)));
}

TEST(Lstm, GradientsOfGradients) {
  Lstm net = made({.num_layers = 2, .bidirectional = true});
  net.to(DType::float64);
  const auto f = [&net](const std::vector<Tensor>& in) {
    const auto [y, end] = net(in[0], {in[1], in[2]});
    return std::vector<Tensor>{y, end.h, end.c};
  };
  std::vector<Tensor> inputs = {randn({2, 3}, DType::float64), randn({4, 5}, DType::float64),
                                randn({4, 5}, DType::float64)};
  for (const Tensor& t : inputs) t.requires_grad_();
  gradcheck(f, inputs);
  gradgradcheck(f, inputs);
}

TEST(Lstm, PrintsAsPyTorch) {
  EXPECT_EQ(made({}).to_string(), "Lstm(3, 5)");
  EXPECT_EQ(made({.num_layers = 2,
                  .bias = false,
                  .batch_first = true,
                  .dropout = 0.2,
                  .bidirectional = true,
                  .carry_state = true})
                .to_string(),
            "Lstm(3, 5, num_layers=2, bias=False, batch_first=True, dropout=0.2, bidirectional=True, "
            "carry_state=True)");
}

TEST(Lstm, Refuses) {
  EXPECT_EQ(message<ValueError>([] { Lstm("", 0, 2); }), "Lstm: input_size must be at least 1, got 0");
  EXPECT_EQ(message<ValueError>([] { Lstm("", 2, -3); }), "Lstm: hidden_size must be at least 1, got -3");
  EXPECT_EQ(message<ValueError>([] { Lstm("", 2, 3, {.num_layers = 0}); }),
            "Lstm: num_layers must be at least 1, got 0");
  EXPECT_EQ(message<ValueError>([] { Lstm("", 2, 3, {.dropout = 1.5}); }),
            "Lstm: dropout must be in [0, 1], got 1.5");
  Lstm net("lstm", 3, 5, {.num_layers = 2});
  EXPECT_EQ(message<ShapeError>([&] { net(ones({3})); }),
            "Lstm: x must be (steps, in) or (steps, batch, in), got (3,)");
  EXPECT_EQ(message<ShapeError>([&] {
              net(ones({2, 4}));
            }),
            "Lstm: x has 4 features, 3 are expected (x: (2, 4))");
  EXPECT_EQ(message<ShapeError>([&] {
              net(ones({0, 2, 3}));
            }),
            "Lstm: the sequence needs at least one step (x: (0, 2, 3))");
  EXPECT_EQ(message<DTypeError>([&] {
              net(ones({2, 3}, DType::float64));
            }),
            "Lstm: x is float64, the weights are float32; convert one of them with to()");
  EXPECT_EQ(message<ShapeError>([&] { net.set_state(ones({5}), ones({5})); }),
            "Lstm: h and c must be (num_layers * directions[, batch], hidden), with 2 and 5, and are (5,)");
  EXPECT_EQ(message<ShapeError>([&] {
              net.set_state(ones({2, 5}), ones({2, 1, 5}));
            }),
            "Lstm: h and c must have one shape, h is (2, 5) and c is (2, 1, 5)");
  EXPECT_EQ(message<ValueError>([&] { net.set_state(ones({2, 5}), {}); }), "Lstm: c is undefined");
  net.set_state(ones({2, 5}), ones({2, 5}));
  EXPECT_EQ(
      message<ShapeError>([&] {
        net(ones({4, 7, 3}));
      }),
      "Lstm: the state must be (2, 7, 5) for this x, and is (2, 5) (x: (4, 7, 3)); reset_state() makes it "
      "zeros again");
  EXPECT_EQ(message<IndexError>([&] { net.weights(2); }), "Lstm: there is no layer 2, it has 2");
  EXPECT_EQ(message<IndexError>([&] { net.weights(0, true); }),
            "Lstm: there is no reverse direction, it has 1");
}

TEST(Lstm, SixteenBits) {
  Lstm net = made({});
  const Tensor x = randn({4, 2, 3}), exact = net(x);
  net.to(DType::bfloat16);
  const Tensor half = x.to(DType::bfloat16).requires_grad_(), y = net(half);
  EXPECT_EQ(y.dtype(), DType::bfloat16);
  EXPECT_TRUE(allclose(y.to(DType::float32), exact, {.rtol = 0, .atol = 2e-2}));
  sum(y).backward();
  EXPECT_EQ(half.grad().dtype(), DType::bfloat16);
  EXPECT_EQ(net.weights().weight_hh.grad().dtype(), DType::bfloat16);
}

}  // namespace
}  // namespace st::nn
