// What every optimiser does the same way: walks over leaves, groups, saving and loading.
#include "spiraltorch/optim/optimizer.h"

#include <cmath>
#include <set>
#include <unordered_set>

#include "spiraltorch/nn/module.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/optim/field_state.h"

namespace st::optim {
namespace {

std::string key_of(const char* what, size_t i, const std::string& name) {
  return std::string(what) + "." + std::to_string(i) + "." + name;
}

double& lr_of(const std::vector<Fields::Field>& options) {
  for (const auto& field : options) {
    if (field.name == "lr") return *std::get<double*>(field.value);
  }
  fail<ValueError>("optimizer: its options have no lr");
}

// What stands in for momentum in an optimiser's options.
std::vector<double*> momentums_of(const std::vector<Fields::Field>& options) {
  std::vector<double*> found;
  for (const auto& field : options) {
    if (field.name == "momentum" || field.name == "beta1") found.push_back(std::get<double*>(field.value));
  }
  return found;
}

}  // namespace

void Optimizer::add_leaves(const std::vector<Tensor>& leaves) {
  check<ValueError>(!leaves.empty(), "optimizer: the list of parameters is empty");
  std::unordered_set<const TensorImpl*> seen;
  for (const Tensor& leaf : leaves_) seen.insert(leaf.handle().get());
  for (size_t i = 0; i < leaves.size(); ++i) {
    check<ValueError>(leaves[i].defined(), "optimizer: parameter {} is undefined", i);
    check<ValueError>(leaves[i].is_leaf(), "optimizer: parameter {} is the result of {} and not a leaf", i,
                      leaves[i].grad_fn_name());
    check<ValueError>(seen.insert(leaves[i].handle().get()).second,
                      "optimizer: parameter {} {} appears twice or is in a group already", i,
                      leaves[i].shape());
  }
  leaves_.insert(leaves_.end(), leaves.begin(), leaves.end());
  sizes_.push_back(leaves.size());
}

void Optimizer::append_leaf(const Tensor& leaf) {
  leaves_.push_back(leaf);
  ++sizes_.back();
}

bool Optimizer::fits(size_t i, const std::string&, const Shape& shape) const {
  return shape == leaves_[i].shape();
}

void Optimizer::step() {
  const NoGradGuard guard;
  update_due([](const Tensor&) { return true; });
}

void Optimizer::update_due(const std::function<bool(const Tensor& leaf)>& chosen) {
  std::vector<Due> due;
  due.reserve(leaves_.size());
  size_t i = 0;
  for (size_t group = 0; group < sizes_.size(); ++group) {
    for (const size_t end = i + sizes_[group]; i < end; ++i) {
      const Tensor grad = leaves_[i].grad();
      if (!grad.defined() || !chosen(leaves_[i])) continue;
      check<ValueError>(!leaves_[i].storage()->is_read_only(),
                        "step: the memory of parameter {} {} is read-only; clone() it first", i,
                        leaves_[i].shape());
      due.push_back({group, i, leaves_[i], grad.detach()});
    }
  }
  update_leaves(due);
}

void Optimizer::step(nn::Module& module) {
  const NoGradGuard guard;
  std::unordered_set<const TensorImpl*> members;
  for (const Tensor& leaf : module.parameters()) members.insert(leaf.handle().get());
  update_due([&members](const Tensor& leaf) { return members.contains(leaf.handle().get()); });
}

void Optimizer::zero_grad() {
  for (const Tensor& leaf : leaves_) leaf.set_grad({});
}

void Optimizer::zero_grad(nn::Module& module) { module.zero_grad(); }

const std::vector<double>& Optimizer::initial_lrs() {
  for (size_t group = initial_lrs_.size(); group < num_groups(); ++group) initial_lrs_.push_back(lr(group));
  return initial_lrs_;
}

double Optimizer::lr(size_t group) const {
  check<IndexError>(group < num_groups(), "lr: there is no group {}, the optimizer has {}", group,
                    num_groups());
  return lr_of(options_fields(group));
}

void Optimizer::set_lr(double lr, size_t group) {
  check<IndexError>(group < num_groups(), "set_lr: there is no group {}, the optimizer has {}", group,
                    num_groups());
  check<ValueError>(lr >= 0 && std::isfinite(lr), "set_lr: lr must be finite and at least 0, got {}", lr);
  lr_of(options_fields(group)) = lr;
}

void Optimizer::set_lr(double lr) {
  for (size_t group = 0; group < num_groups(); ++group) set_lr(lr, group);
}

void Optimizer::set_lr(double lr, nn::Module& /*module*/) { set_lr(lr); }

bool Optimizer::has_momentum() const { return num_groups() > 0 && !momentums_of(options_fields(0)).empty(); }

void Optimizer::set_momentum(double momentum, size_t group) {
  check<IndexError>(group < num_groups(), "set_momentum: there is no group {}, the optimizer has {}", group,
                    num_groups());
  check<ValueError>(momentum >= 0 && momentum < 1, "set_momentum: momentum must be in [0, 1), got {}",
                    momentum);
  for (double* place : momentums_of(options_fields(group))) *place = momentum;
}

StateDict Optimizer::state_dict() const {
  StateDict state;
  for (size_t i = 0; i < leaves_.size(); ++i) {
    for (const auto& field : state_fields(i)) {
      if (Tensor value = saved(field); value.defined()) state.insert(key_of("state", i, field.name), value);
    }
  }
  for (size_t group = 0, first = 0; group < num_groups(); first += sizes_[group++]) {
    for (const auto& field : options_fields(group))
      state.insert(key_of("groups", group, field.name), saved(field));
    const int64_t begin = static_cast<int64_t>(first), end = static_cast<int64_t>(first + sizes_[group]);
    state.insert(key_of("groups", group, "params"), arange(begin, end, 1, DType::int64));
  }
  return state;
}

void Optimizer::load_state_dict(const StateDict& state) {
  std::string problems;
  std::set<std::string> known;
  const auto expect = [&](const std::string& key, bool required) -> const Tensor* {
    known.insert(key);
    const Tensor* value = state.find(key);
    if (!value && required) problems += "\n  missing: \"" + key + "\"";
    return value;
  };

  std::vector<bool> has_state(leaves_.size());
  const FieldList fields = new_state_fields();
  for (size_t i = 0; i < leaves_.size(); ++i) {
    for (const auto& field : fields)
      has_state[i] = has_state[i] || state.contains(key_of("state", i, field.name));
    for (const auto& field : fields) {
      const std::string key = key_of("state", i, field.name);
      const Tensor* value = expect(key, has_state[i] && !field.optional);
      if (!value) continue;
      std::string problem = problem_of(field, *value);
      if (problem.empty() && std::holds_alternative<Tensor*>(field.value) &&
          !fits(i, field.name, value->shape())) {
        problem = "is " + to_text(value->shape()) + " in the state dict, the parameter is " +
                  to_text(leaves_[i].shape());
      }
      if (!problem.empty()) problems.append("\n  \"").append(key).append("\" ").append(problem);
    }
  }
  for (size_t group = 0; group < num_groups(); ++group) {
    bool readable = true;
    for (const auto& field : options_fields(group)) {
      const std::string key = key_of("groups", group, field.name);
      const Tensor* value = expect(key, true);
      const std::string problem = value ? problem_of(field, *value) : "";
      if (!problem.empty()) problems.append("\n  \"").append(key).append("\" ").append(problem);
      readable = readable && value && problem.empty();
    }
    if (readable) {
      const std::string problem = options_problem(group, [&](const FieldList& options) {
        for (const auto& field : options) set(field, state.at(key_of("groups", group, field.name)));
        // A schedule may have brought the rate to 0, which a new optimizer would refuse.
        if (double& lr = lr_of(options); lr == 0) lr = 1;
      });
      if (!problem.empty()) problems += "\n  groups." + to_text(group) + ": " + problem;
    }
    const std::string key = key_of("groups", group, "params");
    const int64_t size = static_cast<int64_t>(sizes_[group]);
    const Tensor* params = expect(key, true);
    if (params && (!params->defined() || params->shape() != Shape{size})) {
      problems += "\n  \"" + key + "\" has the shape " +
                  (params->defined() ? to_text(params->shape()) : "none") + ", the group has " +
                  to_text(size) + " parameters";
    }
  }
  for (const auto& [key, value] : state) {
    if (!known.contains(key)) problems += "\n  unexpected: \"" + key + "\"";
  }
  if (problems.empty()) check_state(state, problems);
  check<ValueError>(problems.empty(), "load_state_dict: the state dict does not fit the optimizer:{}",
                    problems);

  for (size_t i = 0; i < leaves_.size(); ++i) {
    reset_state(i, has_state[i]);
    for (const auto& field : state_fields(i)) {
      if (const Tensor* value = state.find(key_of("state", i, field.name)))
        set(field, *value, leaves_[i].dtype(), leaves_[i].device());
    }
  }
  for (size_t group = 0; group < num_groups(); ++group) {
    for (const auto& field : options_fields(group)) {
      set(field, state.at(key_of("groups", group, field.name)));
    }
  }
  loaded();
}

}  // namespace st::optim
