// GradScaler: unscaling in one pass a gradient, and the rule of the scale.
#include "spiraltorch/amp/grad_scaler.h"

#include <algorithm>
#include <cmath>

#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/optim/field_state.h"
#include "spiraltorch/tensor/operands.h"

namespace st::amp {
namespace {

// Whether every element has memory of its own, so that a kernel may write to it.
bool is_dense(const Tensor& x) {
  for (int i = 0; i < x.dim(); ++i) {
    if (x.size(i) > 1 && x.stride(i) == 0) return false;
  }
  return true;
}

}  // namespace

GradScaler::GradScaler(double scale, double growth, double backoff, int64_t interval)
    : scale_(scale), growth_(growth), backoff_(backoff), interval_(interval) {
  check_values();
  scale_ = std::clamp(scale_, min_, max_);
}

void GradScaler::check_values() const {
  check<ValueError>(scale_ > 0 && std::isfinite(scale_),
                    "GradScaler: scale must be positive and finite, got {}", scale_);
  check<ValueError>(growth_ > 1 && std::isfinite(growth_),
                    "GradScaler: growth must be more than 1 and finite, got {}", growth_);
  check<ValueError>(backoff_ > 0 && backoff_ < 1, "GradScaler: backoff must be in (0, 1), got {}", backoff_);
  check<ValueError>(interval_ >= 1, "GradScaler: interval must be at least 1, got {}", interval_);
  check<ValueError>(min_ > 0 && min_ <= max_ && std::isfinite(max_),
                    "with_limits: limits must be positive, finite and in order, got {} and {}", min_, max_);
}

GradScaler GradScaler::with_limits(double min, double max) const {
  GradScaler copy = *this;
  copy.min_ = min;
  copy.max_ = max;
  copy.check_values();
  copy.scale_ = std::clamp(scale_, min, max);
  return copy;
}

double GradScaler::scale_loss(double loss) {
  used_ = scale_;
  return loss * scale_;
}

Tensor GradScaler::scale_loss(const Tensor& loss) {
  check_operands("scale_loss", {{"loss", loss}});
  used_ = scale_;
  return mul(loss, Scalar(scale_));
}

void GradScaler::unscale_leaves(const std::vector<Tensor>& leaves) {
  const NoGradGuard guard;
  std::vector<std::pair<Unscaled*, Tensor>> looked_at;  // with what was seen, on the device of the gradient
  for (const Tensor& leaf : leaves) {
    Tensor grad = leaf.grad();
    if (!grad.defined()) continue;
    const auto [at, is_new] = unscaled_.try_emplace(leaf.handle().get(), Unscaled{leaf.handle()});
    if (!is_dense(grad)) {
      grad = grad.contiguous();
      leaf.set_grad(grad);
    }
    looked_at.emplace_back(&at->second, zeros({}, DType::bool_, grad.device()));
    kernels(grad.device())
        .unscale(grad.detach().out(), is_new ? 1 / used_.value_or(scale_) : 1.0,
                 looked_at.back().second.out());
  }
  for (const auto& [entry, found] : looked_at) entry->found = entry->found || found.item<bool>();
}

void GradScaler::unscale(nn::Module& module) {
  const auto parameters = module.named_parameters();
  std::vector<Tensor> leaves;
  for (const auto& [name, leaf] : parameters) {
    check<ValueError>(!unscaled_.contains(leaf.handle().get()),
                      "unscale: the gradient of \"{}\" was unscaled already since the last update", name);
    leaves.push_back(leaf);
  }
  unscale_leaves(leaves);
}

void GradScaler::unscale(optim::Optimizer& optimizer) {
  const std::vector<Tensor>& leaves = optimizer.parameters();
  for (size_t i = 0; i < leaves.size(); ++i) {
    check<ValueError>(!unscaled_.contains(leaves[i].handle().get()),
                      "unscale: the gradient of leaf {} {} was unscaled already since the last update", i,
                      leaves[i].shape());
  }
  unscale_leaves(leaves);
}

bool GradScaler::step_leaves(optim::Optimizer& optimizer, nn::Module* model,
                             const std::vector<Tensor>& leaves) {
  unscale_leaves(leaves);
  bool found = false;
  for (const Tensor& leaf : leaves) {
    const auto at = unscaled_.find(leaf.handle().get());
    found = found || (at != unscaled_.end() && at->second.found);
  }
  if (found) {
    for (const Tensor& leaf : leaves) leaf.set_grad({});
  } else {
    model ? optimizer.step(*model) : optimizer.step();
  }
  size_t counted = 0;
  for (const Tensor& leaf : leaves) counted += unscaled_.erase(leaf.handle().get());
  if (counted > 0) count(found);
  return !found;
}

bool GradScaler::step(optim::Optimizer& optimizer, nn::Module& model) {
  return step_leaves(optimizer, &model, model.parameters());
}

bool GradScaler::step(optim::Optimizer& optimizer) {
  return step_leaves(optimizer, nullptr, optimizer.parameters());
}

void GradScaler::update() {
  if (unscaled_.empty()) return;
  const bool found =
      std::any_of(unscaled_.begin(), unscaled_.end(), [](const auto& entry) { return entry.second.found; });
  unscaled_.clear();
  count(found);
}

void GradScaler::count(bool found) {
  double next = scale_;
  if (found) {
    next *= backoff_;
    good_steps_ = 0;
  } else if (++good_steps_ == interval_) {
    next *= growth_;
    good_steps_ = 0;
  }
  scale_ = std::clamp(next, min_, max_);
}

void GradScaler::visit(optim::Fields& v) {
  v("scale", scale_);
  v("growth_factor", growth_);
  v("backoff_factor", backoff_);
  v("growth_interval", interval_);
  v("_growth_tracker", good_steps_);
  v.optional("min_scale", min_);
  v.optional("max_scale", max_);
}

StateDict GradScaler::state_dict() const { return save(optim::Fields::of(*this)); }

void GradScaler::load_state_dict(const StateDict& state) {
  load("GradScaler", optim::Fields::of(*this), state, [this] { check_values(); });
  scale_ = std::clamp(scale_, min_, max_);
  used_.reset();
  unscaled_.clear();
}

}  // namespace st::amp
