// Groups, rates, checkpoints and refusals: what the base does for every rule.
#include "spiraltorch/optim/optimizer.h"

#include <gtest/gtest.h>

#include <limits>

#include "spiraltorch/core/modes.h"
#include "spiraltorch/nn/linear.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/optim/adam.h"
#include "spiraltorch/optim/rmsprop.h"
#include "spiraltorch/optim/sgd.h"
#include "tests/optim/replaced.h"
#include "tests/support/message.h"

namespace st::optim {
namespace {

using Names = std::vector<std::string>;

Tensor leaf(double value, const Shape& shape = {2}) {
  return full(shape, value, DType::float64).requires_grad_();
}

void give_grad(const Tensor& p, double value) { p.set_grad(full(p.shape(), value, p.dtype())); }

Names keys_of(const StateDict& state) {
  Names keys;
  for (const auto& [key, value] : state) keys.push_back(key);
  return keys;
}

TEST(Optimizer, TakesAModulesParameters) {
  nn::Linear m("fc", 2, 1);
  optim::SGD o(m.parameters(), {.lr = .1, .momentum = .9});
  EXPECT_EQ(o.parameters().size(), 2u);
  EXPECT_EQ(o.lr(), .1);
  give_grad(m.weight, 1);
  o.step();
  EXPECT_TRUE(m.weight.grad().defined());  // step does not clear
  o.zero_grad();
  EXPECT_FALSE(m.weight.grad().defined());
}

TEST(Optimizer, StepIsNotRecorded) {
  const Tensor p = leaf(1);
  Adam o({p});
  const Tensor loss = mul(p, p);
  p.set_grad(ones({2}, DType::float64));
  o.step();
  EXPECT_TRUE(p.is_leaf());
  EXPECT_TRUE(grad_enabled());
  EXPECT_FALSE(o.state_dict().at("state.0.exp_avg").requires_grad());
}

TEST(Optimizer, GroupsHaveOptionsOfTheirOwn) {
  const Tensor a = leaf(1), b = leaf(1);
  SGD o({{{a}, {.lr = 0.5}}, {{b}, {.lr = 0.25}}});
  EXPECT_EQ(o.num_groups(), 2u);
  give_grad(a, 1);
  give_grad(b, 1);
  o.step();
  EXPECT_EQ(a.to_vector<double>()[0], 0.5);
  EXPECT_EQ(b.to_vector<double>()[0], 0.75);
  o.options(1).lr = 1;
  EXPECT_EQ(o.lr(1), 1);
  o.set_lr(0.125, 0);
  EXPECT_EQ(o.options().lr, 0.125);
  o.set_lr(0);
  EXPECT_EQ(o.lr(0) + o.lr(1), 0);
  const Tensor c = leaf(1);
  o.add_param_group({.params = {c}, .options = {.lr = 2}});
  EXPECT_EQ(o.num_groups(), 3u);
  give_grad(c, 1);
  o.step();
  EXPECT_EQ(c.to_vector<double>()[0], -1);
}

TEST(Optimizer, WithoutAGradientThereIsNoStepAndNoState) {
  const Tensor a = leaf(1), b = leaf(1);
  Adam o({a, b});
  give_grad(b, 1);
  o.step();
  EXPECT_EQ(a.to_vector<double>(), (std::vector<double>{1, 1}));
  EXPECT_EQ(keys_of(o.state_dict()),
            (Names{"state.1.step", "state.1.exp_avg", "state.1.exp_avg_sq", "groups.0.lr", "groups.0.beta1",
                   "groups.0.beta2", "groups.0.eps", "groups.0.weight_decay", "groups.0.amsgrad",
                   "groups.0.maximize", "groups.0.params"}));
}

TEST(Optimizer, StateDictContinuesBitForBit) {
  const auto run = [](Optimizer& o, const Tensor& p, int steps) {
    for (int i = 0; i < steps; ++i) {
      p.set_grad(mul(p.detach(), 0.3 + i));
      o.step();
    }
  };
  const Tensor p = leaf(1);
  Adam first({p}, {.lr = 0.1, .amsgrad = true});
  run(first, p, 3);
  const StateDict state = first.state_dict();
  EXPECT_EQ(state.at("state.0.step").dtype(), DType::int64);
  EXPECT_EQ(state.at("state.0.step").item<int64_t>(), 3);
  EXPECT_EQ(state.at("groups.0.lr").dtype(), DType::float64);
  EXPECT_EQ(state.at("groups.0.lr").dim(), 0);
  EXPECT_EQ(state.at("groups.0.amsgrad").dtype(), DType::bool_);
  EXPECT_EQ(state.at("groups.0.params").to_vector<int64_t>(), std::vector<int64_t>{0});

  const Tensor q = p.detach().clone().requires_grad_();
  Adam second({q});
  second.load_state_dict(state);
  EXPECT_EQ(second.options().lr, 0.1);
  EXPECT_TRUE(second.options().amsgrad);
  run(second, q, 3);
  run(first, p, 3);
  EXPECT_EQ(p.to_vector<double>(), q.to_vector<double>());
}

TEST(Optimizer, LoadingMakesCopiesInTheLeafsDType) {
  const Tensor p = leaf(1);
  SGD o({p}, {.lr = 0.1, .momentum = 0.5});
  give_grad(p, 1);
  o.step();
  const Tensor q = ones({2}).requires_grad_();
  SGD other({q});
  other.load_state_dict(o.state_dict());
  const Tensor buffer = other.state_dict().at("state.0.momentum_buffer");
  EXPECT_EQ(buffer.dtype(), DType::float32);
  give_grad(q, 1);
  other.step();
  EXPECT_EQ(o.state_dict().at("state.0.momentum_buffer").to_vector<double>(), (std::vector<double>{1, 1}));
  EXPECT_EQ(buffer.to_vector<float>(), (std::vector<float>{1.5, 1.5}));
  o.load_state_dict(o.state_dict());
  EXPECT_EQ(o.state_dict().at("state.0.momentum_buffer").to_vector<double>(), (std::vector<double>{1, 1}));
  // A state without leaves' entries takes them away.
  SGD fresh({q});
  o.load_state_dict(fresh.state_dict());
  EXPECT_FALSE(o.state_dict().contains("state.0.momentum_buffer"));
}

TEST(Optimizer, AFailedLoadListsEverythingAndChangesNothing) {
  const Tensor p = leaf(1);
  Adam o({p});
  give_grad(p, 1);
  o.step();
  const StateDict good = o.state_dict();
  StateDict bad;
  for (const auto& [key, value] : good) {
    if (key == "state.0.exp_avg")
      bad.insert(key, zeros({3}));
    else if (key == "state.0.step")
      bad.insert(key, zeros({2}));
    else if (key == "groups.0.lr")
      bad.insert(key, tensor(std::numeric_limits<double>::quiet_NaN(), DType::float64));
    else if (key == "groups.0.params")
      bad.insert(key, zeros({2}, DType::int64));
    else if (key != "state.0.exp_avg_sq" && key != "groups.0.eps")
      bad.insert(key, zeros({}));
  }
  bad.insert("state.1.step", zeros({}));
  EXPECT_EQ(message<ValueError>([&] { o.load_state_dict(bad); }),
            "load_state_dict: the state dict does not fit the optimizer:\n"
            "  \"state.0.step\" is (2,), a single number is needed\n"
            "  \"state.0.exp_avg\" is (3,) in the state dict, the parameter is (2,)\n"
            "  missing: \"state.0.exp_avg_sq\"\n"
            "  \"groups.0.lr\" is nan\n"
            "  missing: \"groups.0.eps\"\n"
            "  \"groups.0.params\" has the shape (2,), the group has 1 parameters\n"
            "  unexpected: \"state.1.step\"");
  EXPECT_EQ(o.options().betas.first, 0.9);
  EXPECT_EQ(o.state_dict().at("state.0.step").item<int64_t>(), 1);
  EXPECT_THROW(SGD({p}).load_state_dict(good), ValueError);
}

TEST(Optimizer, LoadsNoOptionsThatItsConstructorRefuses) {
  const Tensor p = leaf(1);
  Adam o({p});
  const std::string text = message<ValueError>(
      [&] { o.load_state_dict(test::replaced(o.state_dict(), "groups.0.weight_decay", -1)); });
  EXPECT_TRUE(text.find("\n  groups.0: ") != std::string::npos &&
              text.find("weight_decay") != std::string::npos && text.find("-1") != std::string::npos)
      << text;
  EXPECT_EQ(o.options().weight_decay, 0);
  o.load_state_dict(test::replaced(o.state_dict(), "groups.0.lr", 0));  // where a schedule ends
  EXPECT_EQ(o.lr(), 0);
}

TEST(Optimizer, CountsAreWholeNumbers) {
  const Tensor p = leaf(1);
  Adam o({p});
  give_grad(p, 1);
  o.step();
  for (const auto& [count, text] : {std::pair{-1.0, "-1"}, {1.5, "1.5"}, {1e300, "1e+300"}}) {
    EXPECT_EQ(
        message<ValueError>(
            [&, count = count] { o.load_state_dict(test::replaced(o.state_dict(), "state.0.step", count)); }),
        std::string("load_state_dict: the state dict does not fit the optimizer:\n  \"state.0.step\" is ") +
            text + ", a whole number of at least 0 is needed");
  }
  EXPECT_THROW(o.load_state_dict(
                   test::replaced(o.state_dict(), "state.0.step", tensor(Scalar(int64_t{-1}), DType::int64))),
               ValueError);
  EXPECT_EQ(o.state_dict().at("state.0.step").item<int64_t>(), 1);
  o.load_state_dict(test::replaced(o.state_dict(), "state.0.step", 7));  // PyTorch's own is a float
  EXPECT_EQ(o.state_dict().at("state.0.step").item<int64_t>(), 7);
}

TEST(Optimizer, RefusesWhatCannotBeOptimised) {
  const Tensor p = leaf(1);
  EXPECT_EQ(message<ValueError>([] { SGD(std::vector<Tensor>{}); }),
            "optimizer: the list of parameters is empty");
  EXPECT_EQ(message<ValueError>([&] { SGD({p, Tensor()}); }), "optimizer: parameter 1 is undefined");
  EXPECT_EQ(message<ValueError>([&] { SGD({mul(p, 2.0)}); }),
            "optimizer: parameter 0 is the result of mul and not a leaf");
  EXPECT_EQ(message<ValueError>([&] {
              SGD({p, p});
            }),
            "optimizer: parameter 1 (2,) appears twice or is in a group already");
  EXPECT_THROW(SGD({{.params = {p}}, {.params = {p}}}), ValueError);
  SGD o({p});
  EXPECT_EQ(message<ValueError>([&] { o.set_lr(-1); }), "set_lr: lr must be finite and at least 0, got -1");
  EXPECT_EQ(message<IndexError>([&] { o.set_lr(1, 1); }), "set_lr: there is no group 1, the optimizer has 1");
  EXPECT_THROW(o.options(1), IndexError);
  EXPECT_THROW(o.lr(1), IndexError);
}

TEST(Optimizer, RefusesOptionsThatMakeNoSense) {
  const std::vector<Tensor> p = {leaf(1)};
  EXPECT_EQ(message<ValueError>([&] { SGD(p, {.lr = 0}); }), "SGD: lr must be positive and finite, got 0");
  EXPECT_EQ(message<ValueError>([&] { SGD(p, {.momentum = -1}); }),
            "SGD: momentum must be at least 0, got -1");
  EXPECT_EQ(message<ValueError>([&] { SGD(p, {.weight_decay = -1}); }),
            "SGD: weight_decay must be at least 0, got -1");
  EXPECT_EQ(message<ValueError>([&] { SGD(p, {.nesterov = true}); }),
            "SGD: nesterov needs a momentum and no dampening, got momentum 0 and dampening 0");
  EXPECT_EQ(message<ValueError>([&] {
              Adam(p, {.betas = {0.9, 1.0}});
            }),
            "Adam: betas must be in [0, 1), got 1");
  EXPECT_EQ(message<ValueError>([&] { Adam(p, {.eps = 0}); }),
            "Adam: eps must be positive and finite, got 0");
  EXPECT_EQ(message<ValueError>([&] { AdamW(p, {.weight_decay = -1}); }),
            "AdamW: weight_decay must be at least 0, got -1");
  EXPECT_EQ(message<ValueError>([&] { RMSprop(p, {.alpha = 1.5}); }),
            "RMSprop: alpha must be in [0, 1], got 1.5");
  EXPECT_EQ(message<ValueError>([&] { RMSprop(p, {.eps = 0}); }),
            "RMSprop: eps must be positive and finite, got 0");
  EXPECT_EQ(message<ValueError>([&] { RMSprop(p, {.momentum = -1}); }),
            "RMSprop: momentum must be at least 0, got -1");
}

TEST(Optimizer, OptionsMayChangeBetweenSteps) {
  const Tensor p = leaf(1);
  SGD o({p}, {.lr = 0.5});
  give_grad(p, 1);
  o.step();
  EXPECT_EQ(o.state_dict().size(), 7u);  // no buffer yet
  o.options().momentum = 0.5;
  o.load_state_dict(o.state_dict());
  o.step();
  EXPECT_TRUE(o.state_dict().contains("state.0.momentum_buffer"));
  Adam adam({p});
  adam.step();
  adam.options().amsgrad = true;
  adam.step();
  EXPECT_TRUE(adam.state_dict().contains("state.0.max_exp_avg_sq"));
}

// A momentum that comes later, by hand or from a schedule, and `centered` find their state made.
TEST(RMSprop, MakesTheStateThatItsOptionsNeed) {
  const Tensor p = ones({3}).requires_grad_();
  RMSprop opt({p});
  p.set_grad(ones({3}));
  opt.step();
  EXPECT_FALSE(opt.state_dict().contains("state.0.momentum_buffer"));
  opt.options().momentum = 0.9;
  opt.options().centered = true;
  opt.step();
  EXPECT_EQ(opt.state_dict().at("state.0.momentum_buffer").shape(), p.shape());
  EXPECT_EQ(opt.state_dict().at("state.0.step").item<int64_t>(), 2);

  const Tensor q = p.detach().clone().requires_grad_();
  RMSprop other({q});
  other.load_state_dict(opt.state_dict());
  for (int step = 0; step < 3; ++step) {
    for (const Tensor& leaf : {p, q}) leaf.set_grad(ones({3}) * (step - 1.5));
    opt.step();
    other.step();
  }
  EXPECT_EQ(p.to_vector<float>(), q.to_vector<float>());
}

TEST(Optimizer, Moves) {
  const Tensor p = leaf(1);
  SGD o({p}, {.lr = 0.5});
  SGD moved = std::move(o);
  give_grad(p, 1);
  moved.step();
  EXPECT_EQ(p.to_vector<double>()[0], 0.5);
}

}  // namespace
}  // namespace st::optim
