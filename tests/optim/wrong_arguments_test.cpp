// Optimisers, clipping and loss scaling with wrong arguments (tests/support/wrong_arguments.h).
#include "tests/support/wrong_arguments.h"

#include "spiraltorch/spiraltorch.h"

namespace st {
namespace {

using namespace optim;  // NOLINT: every line names one of its classes
using test::Functions;
using test::Tensors;

// Leaves with these values, as far as they can be leaves.
Tensors leaves(const Tensors& values) {
  Tensors all;
  for (const Tensor& x : values)
    all.push_back(x.defined() && is_floating(x.dtype()) ? x.detach().requires_grad_() : x);
  return all;
}

// A leaf that has a gradient, where they fit.
Tensor with_grad(const Tensor& x, const Tensor& grad) {
  const Tensor leaf = leaves({x})[0];
  leaf.set_grad(grad);
  return leaf;
}

template <class O>
void step(const Tensor& x, const Tensor& grad) {
  O(std::vector<Tensor>{with_grad(x, grad)}).step();
}

// Loads a state with another tensor in one place into an optimiser with a step behind it; what is refused has
// left its own state.
template <class O>
void load_optimizer(const char* place, const Tensor& value) {
  O optimizer(std::vector<Tensor>{with_grad(ones({2, 3}), ones({2, 3}))}, {.lr = 0.1});
  optimizer.step();
  const StateDict before = optimizer.state_dict();
  StateDict state;
  for (const auto& [name, tensor] : before) state.insert(name, name == place ? value : tensor);
  ASSERT_TRUE(before.contains(place)) << place;
  try {
    optimizer.load_state_dict(state);
  } catch (const Error&) {
    for (const auto& [name, tensor] : optimizer.state_dict())
      EXPECT_TRUE(equal(tensor, before.at(name))) << name;
    throw;
  }
}

// The same for a schedule.
void load_schedule(const char* place, const Tensor& value) {
  SGD optimizer(leaves({ones({2})}), {.lr = 0.1});
  StepLR schedule(optimizer, 2);
  const StateDict before = schedule.state_dict();
  StateDict state;
  for (const auto& [name, tensor] : before) state.insert(name, name == place ? value : tensor);
  ASSERT_TRUE(before.contains(place)) << place;
  try {
    schedule.load_state_dict(state);
  } catch (const Error&) {
    for (const auto& [name, tensor] : schedule.state_dict())
      EXPECT_TRUE(equal(tensor, before.at(name))) << name;
    throw;
  }
}

void make_sequence(int64_t milestone) {
  SGD optimizer(leaves({ones({2})}), {.lr = 0.1});
  SequentialLR(optimizer, {std::make_shared<StepLR>(optimizer, 2), std::make_shared<LinearLR>(optimizer)},
               {milestone});
}

void load_scale(const Tensor& scale) {
  amp::GradScaler scaler;
  StateDict state;
  for (const auto& [name, value] : scaler.state_dict()) state.insert(name, name == "scale" ? scale : value);
  scaler.load_state_dict(state);
}

void step_in_the_ball(const Tensor& weight, const Tensor& grad) {
  nn::Linear layer("fc", 3, 2);
  layer.weight = nn::Parameter(weight);
  layer.weight.set_grad(grad);
  auto optimizer = ZSpaceOptimizer(0.1);
  optimizer.set_mode(OptimizerMode::hypergrad(-1, 0.1));
  optimizer.prepare_module(layer);
  optimizer.step(layer);
}

Functions functions() {
  const Tensor x = test::matrix(2, 3), y = x + 1;
  return {
      {"optimizer", {x, y}, {}, ST_CALL(SGD{leaves(t)}), 0, true},
      {"optimizer", {x, y}, {}, ST_CALL(Adam{leaves(t)}), 0, true},
      {"optimizer", {x, y}, {}, ST_CALL(AdamW{leaves(t)}), 0, true},
      {"optimizer", {x, y}, {}, ST_CALL(RMSprop{leaves(t)}), 0, true},
      {"set_grad|optimizer|step|add_|mul_", {x, y}, {}, ST_CALL(step<SGD>(t[0], t[1])), 1},
      {"set_grad|optimizer|step|add_|mul_", {x, y}, {}, ST_CALL(step<Adam>(t[0], t[1])), 1},
      {"set_grad|optimizer|step|add_|mul_", {x, y}, {}, ST_CALL(step<AdamW>(t[0], t[1])), 1},
      {"set_grad|optimizer|step|add_|mul_", {x, y}, {}, ST_CALL(step<RMSprop>(t[0], t[1])), 1},
      {"set_grad|optimizer|ZSpaceOptimizer|Parameter|copy_",
       {x, y},
       {},
       ST_CALL(step_in_the_ball(t[0], t[1])),
       1},
      {"set_lr|lr|optimizer",
       {},
       {0},
       ST_CALL(SGD o(leaves({ones({2})})); o.set_lr(0.5, static_cast<size_t>(i[0])))},
      {"set_grad|clip_grad_norm_|mul_",
       {x, y},
       {},
       ST_CALL(clip_grad_norm_({t[0].defined() ? with_grad(t[0], t[1]) : t[0]}, 1.0)),
       1},
      {"set_grad|clip_grad_value_|clamp_",
       {x, y},
       {},
       ST_CALL(clip_grad_value_({t[0].defined() ? with_grad(t[0], t[1]) : t[0]}, 1.0)),
       1},
      {"scale_loss", {full({}, 2)}, {}, ST_CALL(amp::GradScaler s; s.scale_loss(t[0]))},
      {"set_grad|optimizer|unscale|out",
       {x, y},
       {},
       ST_CALL(SGD o({with_grad(t[0], t[1])}); amp::GradScaler s; s.scale_loss(1.0); s.unscale(o)),
       1},
      {"GradScaler", {}, {2000}, ST_CALL(amp::GradScaler(65536, 2, 0.5, i[0]))},
      {"load_state_dict", {tensor(1.f)}, {}, ST_CALL(load_scale(t[0]))},
      {"load_state_dict", {ones({2, 3})}, {}, ST_CALL(load_optimizer<Adam>("state.0.exp_avg", t[0]))},
      {"load_state_dict", {ones({})}, {}, ST_CALL(load_optimizer<Adam>("state.0.step", t[0]))},
      {"load_state_dict",
       {full({}, 0.5, DType::float64)},
       {},
       ST_CALL(load_optimizer<SGD>("groups.0.lr", t[0]))},
      {"load_state_dict", {full({}, 1, DType::int64)}, {}, ST_CALL(load_schedule("last_epoch", t[0]))},
      {"load_state_dict", {full({1}, 0.5, DType::float64)}, {}, ST_CALL(load_schedule("last_lr", t[0]))},
      {"SequentialLR", {}, {3}, ST_CALL(make_sequence(i[0]))},
      {"hypergrad", {}, {-1}, ST_CALL(OptimizerMode::hypergrad(static_cast<double>(i[0]), 0.1))},
      {"AutocastGuard", {}, {}, ST_CALL(amp::AutocastGuard guard(true, d[0])), 0, false, {DType::bfloat16}},
      {"set_momentum",
       {},
       {0},
       ST_CALL(SGD o(leaves({ones({2})})); o.set_momentum(0.5, static_cast<size_t>(i[0])))},
      {"LambdaLR",
       {},
       {2},
       ST_CALL(SGD o(leaves({ones({2})})); LambdaLR(o, [&](int64_t) { return static_cast<double>(i[0]); }))},
      {"OneCycleLR", {}, {30}, ST_CALL(SGD o(leaves({ones({2})})); OneCycleLR(o, 0.1, i[0]))},
      {"StepLR", {}, {3}, ST_CALL(SGD o(leaves({ones({2})})); StepLR(o, i[0]))},
      {"MultiStepLR", {}, {3, 5}, ST_CALL(SGD o(leaves({ones({2})})); MultiStepLR(o, {i[0], i[1]}))},
      {"ExponentialLR",
       {},
       {1},
       ST_CALL(SGD o(leaves({ones({2})})); ExponentialLR(o, static_cast<double>(i[0])))},
      {"ConstantLR", {}, {3}, ST_CALL(SGD o(leaves({ones({2})})); ConstantLR(o, {.total_iters = i[0]}))},
      {"PolynomialLR", {}, {3}, ST_CALL(SGD o(leaves({ones({2})})); PolynomialLR(o, {.total_iters = i[0]}))},
      {"LinearLR", {}, {3}, ST_CALL(SGD o(leaves({ones({2})})); LinearLR(o, {.total_iters = i[0]}))},
      {"CosineAnnealingLR", {}, {3}, ST_CALL(SGD o(leaves({ones({2})})); CosineAnnealingLR(o, i[0]))},
      {"WarmupCosineScheduler", {}, {3, 30}, ST_CALL(WarmupCosineScheduler(0.1, 0.01, i[0], i[1]))},
      {"WarmupCosineScheduler", {}, {3}, ST_CALL(WarmupCosineScheduler(0.1, 0.01, 3, 30).lr_at(i[0]))},
      {"ReduceLROnPlateau",
       {},
       {3, 2},
       ST_CALL(SGD o(leaves({ones({2})})); ReduceLROnPlateau(o, {.patience = i[0], .cooldown = i[1]}))},
      {"item", {tensor(1.f)}, {}, ST_CALL(SGD o(leaves({ones({2})})); ReduceLROnPlateau(o).step(t[0]))},
  };
}

ST_TEST_WRONG_ARGUMENTS(functions, "optim")

}  // namespace
}  // namespace st
