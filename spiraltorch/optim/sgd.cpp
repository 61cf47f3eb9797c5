// SGD: its options, one step as the formula has it, and the same step of many leaves in one pass.
#include "spiraltorch/optim/sgd.h"

#include <cmath>

#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/optim/fused.h"
#include "spiraltorch/optim/riemannian.h"

namespace st::optim {

template class OptimizerOf<SGDOptions, SGDState>;

namespace {

void sgd_update(const Tensor& leaf, const Tensor& grad, SGDState& state, const SGDOptions& o) {
  if (const Manifold* manifold = curved_manifold(leaf)) {
    const bool first = !state.momentum_buffer.defined(), momentum = o.momentum != 0;
    return riemannian_step(*manifold,
                           {.rule = momentum ? StepRule::momentum : StepRule::plain,
                            .geodesic = false,
                            .lr = o.lr,
                            .sign = o.maximize ? -1.0 : 1.0,
                            .decay = o.weight_decay,
                            .keep = o.momentum,
                            .gain = momentum && !first ? 1 - o.dampening : 1},
                           leaf, grad, {.m = momentum ? &state.momentum_buffer : nullptr}, o.nesterov);
  }
  Tensor g = o.maximize ? neg(grad) : grad;
  if (o.weight_decay != 0) g = add(g, leaf, {.alpha = o.weight_decay});
  if (o.momentum != 0) {
    Tensor& b = state.momentum_buffer;
    if (b.defined()) {
      b.mul_(o.momentum).add_(g, 1 - o.dampening);
    } else {
      b = g.clone();
    }
    g = o.nesterov ? add(g, b, {.alpha = o.momentum}) : b;
  }
  leaf.add_(g, -o.lr);
}

// The slot of one leaf; nothing where the buffer is not flat memory.
std::optional<SGDSlot> sgd_slot(LeafStep<SGDOptions, SGDState>& step) {
  auto& [leaf, grad, state, o] = step;
  Tensor& b = state.momentum_buffer;
  SGDSlot s;
  if (o.momentum != 0) {
    s.first = !b.defined();
    if (s.first) b = empty_like(leaf);
    if (!is_flat_like(b, leaf)) return {};
    s.momentum_buffer = b.out().data;
  }
  s.dtype = leaf.dtype(), s.n = leaf.numel();
  s.param = leaf.out().data, s.grad = grad.in().data;
  s.nesterov = o.nesterov, s.maximize = o.maximize;
  s.lr = o.lr, s.momentum = o.momentum, s.dampening = o.dampening, s.weight_decay = o.weight_decay;
  return s;
}

}  // namespace

void SGDOptions::visit(Fields& v) {
  v("lr", lr);
  v("momentum", momentum);
  v("dampening", dampening);
  v("weight_decay", weight_decay);
  v("nesterov", nesterov);
  v("maximize", maximize);
}

void SGDOptions::check() const {
  st::check<ValueError>(lr > 0 && std::isfinite(lr), "SGD: lr must be positive and finite, got {}", lr);
  st::check<ValueError>(momentum >= 0 && std::isfinite(momentum), "SGD: momentum must be at least 0, got {}",
                        momentum);
  st::check<ValueError>(std::isfinite(dampening), "SGD: dampening must be finite, got {}", dampening);
  st::check<ValueError>(weight_decay >= 0 && std::isfinite(weight_decay),
                        "SGD: weight_decay must be at least 0, got {}", weight_decay);
  st::check<ValueError>(!nesterov || (momentum > 0 && dampening == 0),
                        "SGD: nesterov needs a momentum and no dampening, got momentum {} and dampening {}",
                        momentum, dampening);
}

void SGD::update(Tensor& leaf, const Tensor& grad, SGDState& state, const SGDOptions& options) {
  sgd_update(leaf, grad, state, options);
}

void SGD::update_all(std::span<Step> steps) { sgd_steps(steps); }

void sgd_steps(std::span<LeafStep<SGDOptions, SGDState>> steps) {
  step_together(steps, &Kernels::sgd, sgd_slot,
                [](auto& s) { sgd_update(s.leaf, s.grad, s.state, s.options); });
}

}  // namespace st::optim
