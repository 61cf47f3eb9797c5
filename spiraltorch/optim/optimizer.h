// Optimizer: groups of leaves, their state, checkpoints. OptimizerOf<Options, State> adds the types of one
// rule; what is left to a subclass is `update`, its paper's step of one parameter.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "spiraltorch/core/modes.h"
#include "spiraltorch/tensor/state_dict.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {
class Module;
}
namespace optim {

/// The fields of an Options or a State by name. Each such struct lists its own, once, in `visit(Fields&)`:
/// saving, loading and schedules go by that list.
class Fields {
 public:
  struct Field {
    std::string name;
    /// Where the value is. int64 are counts, which are never negative; lists keep their length.
    std::variant<double*, int64_t*, bool*, Tensor*, std::vector<double>*, std::vector<int64_t>*> value;
    bool optional = false;   // it may be missing, or an undefined tensor
    bool unbounded = false;  // it may be infinite
  };

  /// The fields of x. This is the one place where a const x is visited; naming its fields changes nothing.
  template <class T>
  static std::vector<Field> of(const T& x) {
    Fields fields;
    const_cast<T&>(x).visit(fields);
    return std::move(fields.list_);
  }

  template <class T>
  void operator()(std::string name, T& x) {
    list_.push_back({std::move(name), &x});
  }
  /// A number that may be missing, or a tensor that may be undefined: `update` makes it when it needs it.
  template <class T>
  void optional(std::string name, T& x) {
    list_.push_back({.name = std::move(name), .value = &x, .optional = true});
  }
  /// A number that may be infinite.
  void unbounded(std::string name, double& x) {
    list_.push_back({.name = std::move(name), .value = &x, .unbounded = true});
  }
  /// The fields of x under names that begin with `prefix`.
  template <class T>
  void nested(const std::string& prefix, T& x) {
    for (Field field : of(x)) {
      field.name = prefix + field.name;
      list_.push_back(std::move(field));
    }
  }

 private:
  std::vector<Field> list_;
};

/// The base of all optimisers. It holds handles of leaves, so that a model may be moved, filled (`model =
/// best`) and loaded under it. Converting a model to another dtype belongs before the first step: state keeps
/// its dtype.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// One step for every leaf that has a gradient; the others are left alone and get no state. Gradients stay.
  /// Throws ValueError where a leaf's memory is read-only; then nothing has changed.
  void step();
  /// The same for those of its leaves that are parameters of `module`.
  virtual void step(nn::Module& module);
  /// Every leaf's gradient becomes none.
  void zero_grad();
  /// The gradient of every parameter of `module` becomes none.
  void zero_grad(nn::Module& module);

  /// The leaves of all groups, group by group.
  const std::vector<Tensor>& parameters() const { return leaves_; }
  size_t num_groups() const { return sizes_.size(); }
  /// A group's learning rate.
  double lr(size_t group = 0) const;
  /// Sets the rate of one group. Throws ValueError unless it is finite and at least 0, IndexError for the
  /// group.
  virtual void set_lr(double lr, size_t group);
  /// Sets the rate of all groups.
  void set_lr(double lr);
  /// The same; an optimiser that keeps a rate for each parameter sets those of `module` alone beside its own.
  virtual void set_lr(double lr, nn::Module& module);
  /// Whether the options have a momentum, or a first beta in its place.
  bool has_momentum() const;
  /// Sets a group's momentum, and its first beta, where its options have them. Throws ValueError unless it is
  /// in [0, 1), IndexError for the group.
  void set_momentum(double momentum, size_t group);
  /// The rates that the groups had when this was first called: what schedules start from.
  const std::vector<double>& initial_lrs();

  /// Flat keys. For each leaf that has been updated, counted over all groups: "state.0.step" (int64),
  /// "state.0.exp_avg", ... sharing the state's memory; for each group: "groups.0.lr" and the other options
  /// (0-dim float64 or bool) and "groups.0.params", the numbers of its leaves.
  StateDict state_dict() const;
  /// Continues from what state_dict gave, on copies of its own, converted to the leaves' dtypes. Throws
  /// ValueError that lists all that is missing, unexpected, or of a wrong form; then nothing has changed.
  void load_state_dict(const StateDict& state);

 protected:
  using FieldList = std::vector<Fields::Field>;

  Optimizer() = default;
  Optimizer(Optimizer&&) = default;
  Optimizer& operator=(Optimizer&&) = default;

  /// Appends a group. Throws ValueError for an empty one, and for a tensor that is undefined, not a leaf, or
  /// in a group already.
  void add_leaves(const std::vector<Tensor>& leaves);
  /// Begins an empty group, for a subclass that comes to know its leaves later.
  void add_empty_group() { sizes_.push_back(0); }
  /// Appends to the last group.
  void append_leaf(const Tensor& leaf);

  /// A leaf, by its number, that is to take a step.
  struct Due {
    size_t group, i;
    Tensor leaf, grad;
  };

  virtual void update_leaves(std::span<const Due> due) = 0;
  virtual FieldList options_fields(size_t group) const = 0;
  /// What is wrong with a group's options once `fill` has put other values into them; empty if nothing is.
  /// The options themselves stay as they are. A subclass answers with problem_with.
  virtual std::string options_problem(size_t /*group*/,
                                      const std::function<void(const FieldList&)>& /*fill*/) const {
    return {};
  }
  /// That, for a copy of options whose `check()` throws ValueError for what makes no sense.
  template <class Options>
  static std::string problem_with(Options options, const std::function<void(const FieldList&)>& fill) {
    fill(Fields::of(options));
    try {
      options.check();
    } catch (const ValueError& error) {
      return error.what();
    }
    return {};
  }
  /// The fields of leaf i's state; none if it has no state.
  virtual FieldList state_fields(size_t i) const = 0;
  /// Gives leaf i a new state, or takes it away.
  virtual void reset_state(size_t i, bool has_state) = 0;
  /// The fields that a new state has, to know their names; the places are not to be used.
  virtual FieldList new_state_fields() const = 0;
  /// Whether a tensor of this shape can be the field `name` of leaf i's state.
  virtual bool fits(size_t i, const std::string& name, const Shape& shape) const;
  /// Appends to `problems` what else is wrong with a state dict; called before anything changes.
  virtual void check_state(const StateDict&, std::string& /*problems*/) const {}
  /// Called when everything has been loaded.
  virtual void loaded() {}

 private:
  /// Updates, together, the chosen leaves that have a gradient.
  void update_due(const std::function<bool(const Tensor& leaf)>& chosen);

  std::vector<Tensor> leaves_;
  std::vector<size_t> sizes_;  // leaves in each group
  std::vector<double> initial_lrs_;
};

/// A leaf that is to take a step, and what its rule needs. `grad` is the leaf's own gradient and is not to be
/// written to.
template <class Options, class State>
struct LeafStep {
  Tensor leaf, grad;
  State& state;
  const Options& options;
};

/// Leaves that share options.
template <class Options>
struct ParamGroup {
  std::vector<Tensor> params;
  Options options = {};
};

/// The typed half. Options is an aggregate with `visit(Fields&)` and `check() const`, which throws ValueError
/// for what makes no sense. State is what the rule remembers of one leaf, with `visit(Fields&)`.
template <class Options, class State>
class OptimizerOf : public Optimizer {
 public:
  /// One group's options, open to change: `opt.options().lr = 1e-3`. Throws IndexError.
  Options& options(size_t group = 0) {
    st::check<IndexError>(group < options_.size(), "optimizer: there is no group {}, it has {}", group,
                          options_.size());
    return options_[group];
  }

  /// Appends a group, as torch.optim.Optimizer.add_param_group. Throws ValueError for tensors that cannot be
  /// optimised or are in a group already, and for options that make no sense.
  void add_param_group(const ParamGroup<Options>& group) {
    group.options.check();
    add_leaves(group.params);
    options_.push_back(group.options);
    states_.resize(parameters().size());
  }

 protected:
  explicit OptimizerOf(const std::vector<ParamGroup<Options>>& groups) {
    st::check<ValueError>(!groups.empty(), "optimizer: there are no parameter groups");
    for (const auto& group : groups) add_param_group(group);
  }

  /// One step of one leaf, with grad mode off. `grad` is the leaf's own gradient and is not to be written to.
  virtual void update(Tensor& leaf, const Tensor& grad, State& state, const Options& options) = 0;

  /// Throws ValueError for a leaf that the rule cannot move; called before a step changes anything.
  virtual void check_leaf(const Tensor& /*leaf*/) const {}

  using Step = LeafStep<Options, State>;
  /// Does for several leaves what `update` does for each, to the bit. A rule with a kernel overrides it.
  virtual void update_all(std::span<Step> steps) {
    for (Step& s : steps) update(s.leaf, s.grad, s.state, s.options);
  }

 private:
  void update_leaves(std::span<const Due> due) final {
    for (const Due& d : due) check_leaf(d.leaf);
    std::vector<Step> steps;
    steps.reserve(due.size());
    for (const Due& d : due) {
      if (!states_[d.i]) states_[d.i].emplace();
      steps.push_back({d.leaf, d.grad, *states_[d.i], options_[d.group]});
    }
    update_all(steps);
  }
  FieldList options_fields(size_t group) const final { return Fields::of(options_[group]); }
  std::string options_problem(size_t group, const std::function<void(const FieldList&)>& fill) const final {
    return problem_with(options_[group], fill);
  }
  FieldList state_fields(size_t i) const final { return states_[i] ? Fields::of(*states_[i]) : FieldList(); }
  void reset_state(size_t i, bool has_state) final {
    states_[i].reset();
    if (has_state) states_[i].emplace();
  }
  FieldList new_state_fields() const final { return Fields::of(State()); }

  std::vector<Options> options_;
  std::vector<std::optional<State>> states_;  // one a leaf; none before its first update
};

}  // namespace optim
}  // namespace st
