// Adam and AdamW: one step as the papers have it, and the same step of many leaves in one pass.
#include "spiraltorch/optim/adam.h"

#include <cmath>

#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/optim/fused.h"
#include "spiraltorch/optim/riemannian.h"

namespace st::optim {

template class OptimizerOf<AdamOptions, AdamState>;
template class OptimizerOf<AdamWOptions, AdamState>;

namespace {

template <class Options>
void visit_options(Options& o, Fields& v) {
  v("lr", o.lr);
  v("beta1", o.betas.first);
  v("beta2", o.betas.second);
  v("eps", o.eps);
  v("weight_decay", o.weight_decay);
  v("amsgrad", o.amsgrad);
  v("maximize", o.maximize);
}

template <class Options>
void check_options(const char* op, const Options& o) {
  check<ValueError>(o.lr > 0 && std::isfinite(o.lr), "{}: lr must be positive and finite, got {}", op, o.lr);
  for (double beta : {o.betas.first, o.betas.second}) {
    check<ValueError>(beta >= 0 && beta < 1, "{}: betas must be in [0, 1), got {}", op, beta);
  }
  check<ValueError>(o.eps > 0 && std::isfinite(o.eps), "{}: eps must be positive and finite, got {}", op,
                    o.eps);
  check<ValueError>(o.weight_decay >= 0 && std::isfinite(o.weight_decay),
                    "{}: weight_decay must be at least 0, got {}", op, o.weight_decay);
}

// Adam's step of the gradient g, which has any decay in it already.
template <class Options>
void adam_step(const Tensor& leaf, const Tensor& g, AdamState& s, const Options& o) {
  const auto [b1, b2] = o.betas;
  if (!s.exp_avg.defined()) {
    s.exp_avg = zeros_like(leaf);
    s.exp_avg_sq = zeros_like(leaf);
  }
  const double t = static_cast<double>(++s.step);
  s.exp_avg.mul_(b1).add_(g, 1 - b1);
  s.exp_avg_sq.mul_(b2).add_(mul(g, g), 1 - b2);
  if (o.amsgrad) {
    s.max_exp_avg_sq =
        s.max_exp_avg_sq.defined() ? maximum(s.max_exp_avg_sq, s.exp_avg_sq) : s.exp_avg_sq.clone();
  }
  const Tensor scale = sqrt(o.amsgrad ? s.max_exp_avg_sq : s.exp_avg_sq);
  scale.div_(std::sqrt(1 - std::pow(b2, t))).add_(o.eps);
  leaf.add_(div(s.exp_avg, scale), -o.lr / (1 - std::pow(b1, t)));
}

// The slot of one leaf, without its decay; nothing where the state is not flat memory.
template <class Options>
std::optional<AdamSlot> adam_slot(LeafStep<Options, AdamState>& step) {
  auto& [leaf, grad, s, o] = step;
  const bool is_new = !s.exp_avg.defined();
  for (Tensor* moment : {&s.exp_avg, &s.exp_avg_sq}) {
    if (is_new) *moment = zeros_like(leaf);
  }
  // The first maximum is the second moment itself, which is at least 0.
  if (o.amsgrad && !s.max_exp_avg_sq.defined()) s.max_exp_avg_sq = zeros_like(leaf);
  if (!is_flat_like(s.exp_avg, leaf) || !is_flat_like(s.exp_avg_sq, leaf)) return {};
  if (o.amsgrad && !is_flat_like(s.max_exp_avg_sq, leaf)) return {};

  const double t = static_cast<double>(++s.step);
  AdamSlot slot;
  slot.dtype = leaf.dtype(), slot.n = leaf.numel();
  slot.param = leaf.out().data, slot.grad = grad.in().data;
  slot.exp_avg = s.exp_avg.out().data, slot.exp_avg_sq = s.exp_avg_sq.out().data;
  if (o.amsgrad) slot.max_exp_avg_sq = s.max_exp_avg_sq.out().data;
  slot.maximize = o.maximize;
  slot.beta1 = o.betas.first, slot.beta2 = o.betas.second, slot.eps = o.eps;
  slot.step_size = o.lr / (1 - std::pow(o.betas.first, t));
  slot.root_correction = std::sqrt(1 - std::pow(o.betas.second, t));
  return slot;
}

// Adam's step on a curved manifold; `decay` is the part of the decay that enters the gradient.
template <class Options>
void riemannian_adam(const Manifold& manifold, const Tensor& leaf, const Tensor& grad, AdamState& s,
                     const Options& o, double decay) {
  const auto [b1, b2] = o.betas;
  const double t = static_cast<double>(++s.step);
  riemannian_step(manifold,
                  {.rule = StepRule::adam,
                   .geodesic = false,
                   .lr = o.lr / (1 - std::pow(b1, t)),
                   .sign = o.maximize ? -1.0 : 1.0,
                   .decay = decay,
                   .keep = b1,
                   .gain = 1 - b1,
                   .beta2 = b2,
                   .correction = 1 / std::sqrt(1 - std::pow(b2, t)),
                   .eps = o.eps},
                  leaf, grad,
                  {.m = &s.exp_avg, .v = &s.exp_avg_sq, .max_v = o.amsgrad ? &s.max_exp_avg_sq : nullptr});
}

void adam_update(const Tensor& leaf, const Tensor& grad, AdamState& state, const AdamOptions& o) {
  if (const Manifold* manifold = curved_manifold(leaf)) {
    return riemannian_adam(*manifold, leaf, grad, state, o, o.weight_decay);
  }
  const Tensor g = o.maximize ? neg(grad) : grad;
  adam_step(leaf, o.weight_decay != 0 ? add(g, leaf, {.alpha = o.weight_decay}) : g, state, o);
}

// Second moments are one number a point there.
bool fits_adam(const Tensor& leaf, const std::string& name, Shape shape) {
  Shape expected = leaf.shape();
  if (name != "exp_avg" && curved_manifold(leaf)) expected[expected.size() - 1] = 1;
  return shape == expected;
}

}  // namespace

void AdamOptions::visit(Fields& v) { visit_options(*this, v); }
void AdamOptions::check() const { check_options("Adam", *this); }
void AdamWOptions::visit(Fields& v) { visit_options(*this, v); }
void AdamWOptions::check() const { check_options("AdamW", *this); }

void AdamState::visit(Fields& v) {
  v("step", step);
  v("exp_avg", exp_avg);
  v("exp_avg_sq", exp_avg_sq);
  v.optional("max_exp_avg_sq", max_exp_avg_sq);
}

void Adam::update(Tensor& leaf, const Tensor& grad, AdamState& state, const AdamOptions& options) {
  adam_update(leaf, grad, state, options);
}

bool Adam::fits(size_t i, const std::string& name, const Shape& shape) const {
  return fits_adam(parameters()[i], name, shape);
}

void AdamW::update(Tensor& leaf, const Tensor& grad, AdamState& state, const AdamWOptions& o) {
  if (o.weight_decay != 0) leaf.mul_(1 - o.lr * o.weight_decay);  // towards the origin, on the ball too
  if (const Manifold* manifold = curved_manifold(leaf)) {
    return riemannian_adam(*manifold, leaf, grad, state, o, 0);
  }
  adam_step(leaf, o.maximize ? neg(grad) : grad, state, o);
}

void Adam::update_all(std::span<Step> steps) { adam_steps(steps); }

void adam_steps(std::span<LeafStep<AdamOptions, AdamState>> steps) {
  const auto slot_of = [](auto& s) {
    auto slot = adam_slot(s);
    if (slot) slot->weight_decay = s.options.weight_decay;
    return slot;
  };
  step_together(steps, &Kernels::adam, slot_of,
                [](auto& s) { adam_update(s.leaf, s.grad, s.state, s.options); });
}

void AdamW::update_all(std::span<Step> steps) {
  const auto slot_of = [](auto& s) {
    auto slot = adam_slot(s);
    if (slot) slot->shrink = 1 - s.options.lr * s.options.weight_decay;
    return slot;
  };
  step_together(steps, &Kernels::adam, slot_of,
                [this](Step& s) { update(s.leaf, s.grad, s.state, s.options); });
}

bool AdamW::fits(size_t i, const std::string& name, const Shape& shape) const {
  return fits_adam(parameters()[i], name, shape);
}

}  // namespace st::optim
