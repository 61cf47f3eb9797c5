// RMSprop: its options, one step as the formula has it, and the same step of many leaves in one pass.
#include "spiraltorch/optim/rmsprop.h"

#include <cmath>

#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/optim/fused.h"
#include "spiraltorch/optim/riemannian.h"

namespace st::optim {

template class OptimizerOf<RMSpropOptions, RMSpropState>;

namespace {

// The state that these options need.
void prepare(const Tensor& leaf, RMSpropState& s, const RMSpropOptions& o) {
  if (!s.square_avg.defined()) s.square_avg = zeros_like(leaf);
  if (o.centered && !s.grad_avg.defined()) s.grad_avg = zeros_like(leaf);
  if (o.momentum != 0 && !s.momentum_buffer.defined()) s.momentum_buffer = zeros_like(leaf);
}

// The slot of one leaf; nothing where its state is not flat memory.
std::optional<RMSpropSlot> rmsprop_slot(LeafStep<RMSpropOptions, RMSpropState>& step) {
  auto& [leaf, grad, s, o] = step;
  prepare(leaf, s, o);
  if (!is_flat_like(s.square_avg, leaf)) return {};
  if (o.centered && !is_flat_like(s.grad_avg, leaf)) return {};
  if (o.momentum != 0 && !is_flat_like(s.momentum_buffer, leaf)) return {};

  ++s.step;
  RMSpropSlot slot;
  slot.dtype = leaf.dtype(), slot.n = leaf.numel();
  slot.param = leaf.out().data, slot.grad = grad.in().data;
  slot.square_avg = s.square_avg.out().data;
  if (o.centered) slot.grad_avg = s.grad_avg.out().data;
  if (o.momentum != 0) slot.momentum_buffer = s.momentum_buffer.out().data;
  slot.maximize = o.maximize;
  slot.lr = o.lr, slot.alpha = o.alpha, slot.eps = o.eps;
  slot.momentum = o.momentum, slot.weight_decay = o.weight_decay;
  return slot;
}

}  // namespace

void RMSpropOptions::visit(Fields& v) {
  v("lr", lr);
  v("alpha", alpha);
  v("eps", eps);
  v("weight_decay", weight_decay);
  v("momentum", momentum);
  v("centered", centered);
  v("maximize", maximize);
}

void RMSpropOptions::check() const {
  st::check<ValueError>(lr > 0 && std::isfinite(lr), "RMSprop: lr must be positive and finite, got {}", lr);
  st::check<ValueError>(alpha >= 0 && alpha <= 1, "RMSprop: alpha must be in [0, 1], got {}", alpha);
  st::check<ValueError>(eps > 0 && std::isfinite(eps), "RMSprop: eps must be positive and finite, got {}",
                        eps);
  st::check<ValueError>(weight_decay >= 0 && std::isfinite(weight_decay),
                        "RMSprop: weight_decay must be at least 0, got {}", weight_decay);
  st::check<ValueError>(momentum >= 0 && std::isfinite(momentum),
                        "RMSprop: momentum must be at least 0, got {}", momentum);
}

void RMSpropState::visit(Fields& v) {
  v("step", step);
  v("square_avg", square_avg);
  v.optional("grad_avg", grad_avg);
  v.optional("momentum_buffer", momentum_buffer);
}

void RMSprop::update(Tensor& leaf, const Tensor& grad, RMSpropState& s, const RMSpropOptions& o) {
  prepare(leaf, s, o);
  ++s.step;
  Tensor g = o.maximize ? neg(grad) : grad;
  if (o.weight_decay != 0) g = add(g, leaf, {.alpha = o.weight_decay});
  s.square_avg.mul_(o.alpha).add_(mul(g, g), 1 - o.alpha);
  Tensor square = s.square_avg;
  if (o.centered) {
    s.grad_avg.mul_(o.alpha).add_(g, 1 - o.alpha);
    square = sub(square, mul(s.grad_avg, s.grad_avg));
  }
  Tensor step = div(g, sqrt(square).add_(o.eps));
  if (o.momentum != 0) step = s.momentum_buffer.mul_(o.momentum).add_(step);
  leaf.add_(step, -o.lr);
}

void RMSprop::update_all(std::span<Step> steps) {
  step_together(steps, &Kernels::rmsprop, rmsprop_slot,
                [this](Step& s) { update(s.leaf, s.grad, s.state, s.options); });
}

void RMSprop::check_leaf(const Tensor& leaf) const {
  st::check<ValueError>(!curved_manifold(leaf),
                        "RMSprop: it has no step on a curved manifold, as parameter {} carries one; use Adam "
                        "or SGD",
                        leaf.shape());
}

}  // namespace st::optim
