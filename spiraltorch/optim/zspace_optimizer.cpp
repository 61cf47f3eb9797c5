// ZSpaceOptimizer: tapes, rates, and the step of one leaf.
#include "spiraltorch/optim/zspace_optimizer.h"

#include <algorithm>
#include <cmath>

#include "spiraltorch/autograd/meta.h"
#include "spiraltorch/backend/ball.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/geometry/poincare_ball.h"
#include "spiraltorch/nn/parameter.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/optim/fused.h"
#include "spiraltorch/optim/riemannian.h"

namespace st::optim {
namespace {

using Kind = OptimizerMode::Kind;

// A row of a point set may come this near the boundary at the start: far enough that its gradient, which the
// metric scales by (1 - c|w|^2)^2, still moves it.
constexpr double kInside = 0.999;

// Whether the mode alone makes the rows of this leaf points.
bool has_rows(Kind kind, const Tensor& leaf) {
  return kind == Kind::hypergrad && leaf.dim() >= 2 && !nn::manifold_of(leaf);
}

Shape rows_of(const Tensor& leaf) {
  return {leaf.size(0), leaf.size(0) == 0 ? 0 : leaf.numel() / leaf.size(0)};
}

// The points of a leaf, one a row: those of its own manifold, or those that the mode makes; undefined for
// none.
Tensor points_of(Kind kind, const Tensor& leaf) {
  if (leaf.numel() == 0) return {};
  if (curved_manifold(leaf)) return leaf.detach().reshape({-1, leaf.size(-1)});
  return has_rows(kind, leaf) ? leaf.detach().reshape(rows_of(leaf)) : Tensor();
}

void check_finite(const Tensor& points, const std::string& name) {
  if (!points.defined() || all(isfinite(points)).item<bool>()) return;
  const auto finite = min(isfinite(points).to(DType::uint8), 1).values.to_vector<uint8_t>();
  fail<ValueError>("prepare_module: row {} of parameter \"{}\" is not finite",
                   std::find(finite.begin(), finite.end(), 0) - finite.begin(), name);
}

// Moves rows outside of the ball inside; returns how many. Rows are measured by their largest element, so
// that no square overflows.
int64_t move_inside(const Tensor& leaf, double c) {
  const Tensor rows = points_of(Kind::hypergrad, leaf).to(DType::float64);
  const Tensor outside = sum(rows * rows, 1, keepdim) * c >= 1 - ball_gap(leaf.dtype());
  const int64_t count = sum(outside).item<int64_t>();
  if (count == 0) return 0;
  const Tensor unit = rows / max(abs(rows), 1, keepdim).values;
  const Tensor inside = where(outside, unit * (kInside / sqrt(sum(unit * unit, 1, keepdim) * c)), rows);
  leaf.copy_(inside.to(leaf.dtype()).reshape(leaf.shape()));
  return count;
}

// Moves points to the nearest one of the manifold; returns how many. One so large that its square is out of
// range is first brought down along its direction, still far outside of any ball.
int64_t move_onto(const Manifold& manifold, const Tensor& leaf) {
  const double limit = leaf.dtype() == DType::float64 ? 1e100 : 1e15;
  const Tensor points = leaf.detach(), largest = max(abs(points), -1, keepdim).values;
  const Tensor nearest = manifold.projx(where(largest > limit, points / largest * limit, points));
  const Tensor moved = max((nearest != points).to(DType::uint8), -1).values;
  const int64_t count = sum(moved).item<int64_t>();
  if (count != 0) leaf.copy_(nearest);
  return count;
}

}  // namespace

void ZSpaceOptimizer::Tape::visit(Fields& v) {
  v("prepared", prepared);
  v("mode", kind);
  v("curvature", curvature);
  v("lr", lr);
  v("ratio", ratio);
  v("step", step);
  v.optional("moment", moment);
  v.optional("second_moment", second_moment);
}

void ZSpaceOptimizer::Shared::visit(Fields& v) {
  v("lr", lr);
  v("rule", rule);
  v("momentum", options.momentum);
  v("beta1", options.betas.first);
  v("beta2", options.betas.second);
  v("eps", options.eps);
  v("mode", kind);
  v("curvature", curvature);
  v("mode_lr", mode_lr);
  v("ratio", ratio);
}

void ZSpaceOptimizerOptions::check() const {
  st::check<ValueError>(momentum >= 0 && momentum < 1, "ZSpaceOptimizer: momentum must be in [0, 1), got {}",
                        momentum);
  for (double beta : {betas.first, betas.second}) {
    st::check<ValueError>(beta >= 0 && beta < 1, "ZSpaceOptimizer: betas must be in [0, 1), got {}", beta);
  }
  st::check<ValueError>(eps > 0 && std::isfinite(eps),
                        "ZSpaceOptimizer: eps must be positive and finite, got {}", eps);
}

ZSpaceOptimizer::ZSpaceOptimizer(double lr, const ZSpaceOptimizerOptions& options) : first_lr_(lr) {
  check<ValueError>(lr > 0 && std::isfinite(lr), "ZSpaceOptimizer: lr must be positive and finite, got {}",
                    lr);
  options.check();
  shared_.options = options;
  shared_.lr = lr;
  shared_.rule = static_cast<int64_t>(options.rule);
  add_empty_group();
}

// --- modes, tapes and rates

void ZSpaceOptimizer::set_mode(const OptimizerMode& mode) {
  mode_ = mode;
  shared_.kind = static_cast<int64_t>(mode.kind());
  shared_.curvature = mode.curvature();
  shared_.mode_lr = mode.lr();
  const double lr = shared_.lr > 0 ? shared_.lr : first_lr_;
  shared_.ratio = mode.kind() == Kind::euclidean ? 1 : mode.lr() / lr;
}

size_t ZSpaceOptimizer::number_of(const std::string& name, const Tensor& leaf) {
  const auto [at, is_new] = numbers_.emplace(leaf.handle().get(), tapes_.size());
  if (is_new) {
    append_leaf(leaf);
    tapes_.emplace_back();
    names_.push_back(name);
  }
  return at->second;
}

int64_t ZSpaceOptimizer::prepare_module(nn::Module& module) {
  const NoGradGuard guard;
  const auto parameters = module.named_parameters();
  for (const auto& [name, leaf] : parameters) {
    check<DTypeError>(
        !has_rows(mode_.kind(), leaf) || leaf.dtype() == DType::float32 || leaf.dtype() == DType::float64,
        "prepare_module: parameter \"{}\" is {}, points are float32 or float64", name, leaf.dtype());
    if (leaf.requires_grad()) check_finite(points_of(mode_.kind(), leaf), name);
  }
  int64_t moved = 0;
  for (const auto& [name, leaf] : parameters) {
    Tape& tape = tapes_[number_of(name, leaf)];
    tape = Tape();
    tape.prepared = true;
    tape.kind = static_cast<int64_t>(mode_.kind());
    tape.curvature = mode_.curvature();
    tape.ratio = shared_.ratio;
    tape.lr = shared_.ratio * shared_.lr;
    if (!leaf.requires_grad() || leaf.numel() == 0) continue;
    if (const Manifold* manifold = curved_manifold(leaf)) {
      moved += move_onto(*manifold, leaf);
    } else if (has_rows(mode_.kind(), leaf)) {
      moved += move_inside(leaf, -mode_.curvature());
    }
  }
  return moved;
}

void ZSpaceOptimizer::set_lr(double lr, size_t group) {
  Optimizer::set_lr(lr, group);
  for (Tape& tape : tapes_) tape.lr = tape.ratio * lr;
}

void ZSpaceOptimizer::set_lr(double lr, nn::Module& module) {
  Optimizer::set_lr(lr, 0);
  for (const Tensor& leaf : module.parameters()) {
    if (const auto at = numbers_.find(leaf.handle().get()); at != numbers_.end()) {
      tapes_[at->second].lr = tapes_[at->second].ratio * lr;
    }
  }
}

// --- steps

void ZSpaceOptimizer::check_prepared(bool prepared, const std::string& name, const Tensor& leaf) const {
  check<ValueError>(prepared || mode_.kind() == Kind::euclidean,
                    "step: parameter \"{}\" {} was never prepared for the mode {}: call prepare_module first",
                    name, leaf.shape(), mode_.to_string());
}

void ZSpaceOptimizer::step(nn::Module& module) {
  const auto parameters = module.named_parameters();
  for (const auto& [name, leaf] : parameters) {
    const auto at = numbers_.find(leaf.handle().get());
    const bool prepared = at != numbers_.end() && tapes_[at->second].prepared;
    check_prepared(prepared || !leaf.requires_grad(), name, leaf);
  }
  for (const auto& [name, leaf] : parameters) {
    if (leaf.grad().defined()) number_of(name, leaf);
  }
  Optimizer::step(module);
  module.zero_grad();
}

void ZSpaceOptimizer::update_leaves(std::span<const Due> due) {
  for (const Due& d : due) check_prepared(tapes_[d.i].prepared, names_[d.i], d.leaf);
  std::vector<Due> flat;
  flat.reserve(due.size());
  for (const Due& d : due) {
    if (curved_manifold(d.leaf) || has_rows(static_cast<Kind>(tapes_[d.i].kind), d.leaf)) {
      step_points(d);
    } else {
      flat.push_back(d);
    }
  }
  step_flat(flat);
}

double ZSpaceOptimizer::lr_of(const Tape& tape) const {
  return static_cast<Kind>(tape.kind) == Kind::euclidean ? shared_.lr : tape.lr;
}

// SGD's and Adam's own steps, on the tapes' moments.
void ZSpaceOptimizer::step_flat(std::span<const Due> due) {
  const ZSpaceOptimizerOptions& o = shared_.options;
  if (o.rule == Rule::adam) {
    std::vector<std::pair<AdamOptions, AdamState>> tapes;
    std::vector<LeafStep<AdamOptions, AdamState>> steps;
    tapes.reserve(due.size());
    for (const Due& d : due) {
      const Tape& tape = tapes_[d.i];
      auto& [options, state] =
          tapes.emplace_back(AdamOptions{.lr = lr_of(tape), .betas = o.betas, .eps = o.eps},
                             AdamState{tape.step, tape.moment, tape.second_moment, {}});
      steps.push_back({d.leaf, d.grad, state, options});
    }
    adam_steps(steps);
    for (size_t i = 0; i < due.size(); ++i) {
      Tape& tape = tapes_[due[i].i];
      tape.step = steps[i].state.step;
      tape.moment = steps[i].state.exp_avg;
      tape.second_moment = steps[i].state.exp_avg_sq;
    }
  } else {
    std::vector<std::pair<SGDOptions, SGDState>> tapes;
    std::vector<LeafStep<SGDOptions, SGDState>> steps;
    tapes.reserve(due.size());
    for (const Due& d : due) {
      const double momentum = o.rule == Rule::momentum ? o.momentum : 0;
      auto& [options, state] = tapes.emplace_back(SGDOptions{.lr = lr_of(tapes_[d.i]), .momentum = momentum},
                                                  SGDState{tapes_[d.i].moment});
      steps.push_back({d.leaf, d.grad, state, options});
    }
    sgd_steps(steps);
    for (size_t i = 0; i < due.size(); ++i) {
      ++tapes_[due[i].i].step;
      tapes_[due[i].i].moment = steps[i].state.momentum_buffer;
    }
  }
}

void ZSpaceOptimizer::step_points(const Due& due) {
  const Tensor& leaf = due.leaf;
  Tape& tape = tapes_[due.i];
  const double lr = lr_of(tape);
  ++tape.step;
  const Manifold* own = curved_manifold(leaf);
  const double t = static_cast<double>(tape.step);
  const ZSpaceOptimizerOptions& o = shared_.options;
  BallStep step{.rule = o.rule, .lr = lr};
  if (o.rule == Rule::momentum) step.keep = o.momentum;
  if (o.rule == Rule::adam) {
    const auto [b1, b2] = o.betas;
    step.keep = b1;
    step.gain = 1 - b1;
    step.beta2 = b2;
    step.lr = lr / (1 - std::pow(b1, t));
    step.correction = 1 / std::sqrt(1 - std::pow(b2, t));
    step.eps = o.eps;
  }
  RiemannianState state;
  if (o.rule != Rule::plain) state.m = &tape.moment;
  if (o.rule == Rule::adam) state.v = &tape.second_moment;
  if (own) {
    step.parts = static_cast<double>(leaf.size(-1));
    return riemannian_step(*own, step, leaf, due.grad, state);
  }
  const Shape rows = rows_of(leaf);
  if (leaf.numel() == 0) return;
  step.parts = static_cast<double>(rows[1]);
  const Tensor points = leaf.detach().reshape(rows);  // a copy where rows do not lie together
  riemannian_step(PoincareBall(tape.curvature), step, points, due.grad.reshape(rows), state);
  if (points.storage() != leaf.storage()) leaf.copy_(points.reshape(leaf.shape()));
}

// --- saving and loading

Optimizer::FieldList ZSpaceOptimizer::options_fields(size_t) const { return Fields::of(shared_); }

std::string ZSpaceOptimizer::options_problem(size_t,
                                             const std::function<void(const FieldList&)>& fill) const {
  return problem_with(shared_, fill);
}

Optimizer::FieldList ZSpaceOptimizer::state_fields(size_t i) const { return Fields::of(tapes_[i]); }

void ZSpaceOptimizer::reset_state(size_t i, bool) { tapes_[i] = Tape(); }

Optimizer::FieldList ZSpaceOptimizer::new_state_fields() const { return Fields::of(Tape()); }

// The moment of points has the shape of the rows; which of the two it must be, check_state knows.
bool ZSpaceOptimizer::fits(size_t i, const std::string&, const Shape& shape) const {
  const Tensor& leaf = parameters()[i];
  if (shape == leaf.shape()) return true;
  if (leaf.dim() < 1) return false;
  Shape points = leaf.shape();
  points[points.size() - 1] = 1;
  return shape == points || (leaf.dim() >= 2 && (shape == rows_of(leaf) || shape == Shape{leaf.size(0), 1}));
}

void ZSpaceOptimizer::check_state(const StateDict& state, std::string& problems) const {
  const auto check_mode = [&](const std::string& prefix) {
    const int64_t kind = state.at(prefix + "mode").item<int64_t>();
    const double curvature = state.at(prefix + "curvature").item<double>();
    const double lr = state.at(prefix + "lr").item<double>(),
                 ratio = state.at(prefix + "ratio").item<double>();
    const bool curved = kind == static_cast<int64_t>(Kind::hypergrad);
    if (kind < 0 || kind > static_cast<int64_t>(Kind::hypergrad))
      problems += "\n  \"" + prefix + "mode\" is " + to_text(kind) + ", not a mode";
    if (curved != (curvature < 0)) {
      problems += "\n  \"" + prefix + "curvature\" is " + to_text(curvature) + " in mode " + to_text(kind);
    }
    if (lr < 0) problems += "\n  \"" + prefix + "lr\" is " + to_text(lr);
    if (ratio <= 0) problems += "\n  \"" + prefix + "ratio\" is " + to_text(ratio);
    return static_cast<Kind>(kind);
  };
  const Kind mode = check_mode("groups.0.");
  const double mode_lr = state.at("groups.0.mode_lr").item<double>();
  if ((mode != Kind::euclidean) != (mode_lr > 0)) {
    problems +=
        "\n  \"groups.0.mode_lr\" is " + to_text(mode_lr) + " in mode " + to_text(static_cast<int64_t>(mode));
  }
  if (state.at("groups.0.rule").item<int64_t>() != shared_.rule) {
    problems += "\n  \"groups.0.rule\" is " + to_text(state.at("groups.0.rule").item<int64_t>()) +
                ", the optimizer's is " + to_text(shared_.rule);
  }
  for (size_t i = 0; i < tapes_.size(); ++i) {
    const std::string prefix = "state." + std::to_string(i) + ".";
    if (!state.contains(prefix + "mode")) continue;
    const Tensor& leaf = parameters()[i];
    const Kind kind = check_mode(prefix);
    Shape first = leaf.shape(), second = first;
    if (curved_manifold(leaf)) {
      second[second.size() - 1] = 1;
    } else if (has_rows(kind, leaf)) {
      first = rows_of(leaf);
      second = {leaf.size(0), 1};
    }
    for (const auto& [name, shape] :
         {std::pair{prefix + "moment", first}, {prefix + "second_moment", second}}) {
      const Tensor* value = state.find(name);
      if (value && value->shape() != shape) {
        problems +=
            "\n  \"" + name + "\" is " + to_text(value->shape()) + ", in its mode it is " + to_text(shape);
      }
    }
  }
}

void ZSpaceOptimizer::loaded() {
  const Kind kind = static_cast<Kind>(shared_.kind);
  mode_ = kind == Kind::euclidean  ? OptimizerMode::euclidean()
          : kind == Kind::realgrad ? OptimizerMode::realgrad(shared_.mode_lr)
                                   : OptimizerMode::hypergrad(shared_.curvature, shared_.mode_lr);
}

}  // namespace st::optim
