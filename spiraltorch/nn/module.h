// Module: named members with everything that follows from them, and Layer: a module from one tensor to one
// tensor. A module lists its members once, in `visit`, and is a value: copies are deep.
#pragma once

#include <concepts>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "spiraltorch/nn/visitor.h"
#include "spiraltorch/tensor/state_dict.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

struct LoadOptions {
  /// Missing and unexpected keys are errors.
  bool strict = true;
};

/// The keys that load_state_dict found no counterpart for.
struct LoadResult {
  std::vector<std::string> missing;     // members that the state dict lacks
  std::vector<std::string> unexpected;  // entries that the module lacks
};

/// Called with the module and its output; returns what replaces the output, or an undefined tensor to leave
/// it.
using OutputHookFunction = std::function<Tensor(Module& module, const Tensor& output)>;

/// An output hook made from a function that returns a Tensor or nothing.
class OutputHook {
 public:
  template <class F>
  requires std::invocable<F&, Module&, const Tensor&> &&
      (!std::same_as<std::remove_cvref_t<F>, OutputHook>)OutputHook(F function) {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, Module&, const Tensor&>>) {
      call_ = [function = std::move(function)](Module& m, const Tensor& y) mutable -> Tensor {
        function(m, y);
        return {};
      };
    } else {
      call_ = std::move(function);
    }
  }
  Tensor operator()(Module& module, const Tensor& output) const { return call_(module, output); }

 private:
  OutputHookFunction call_;
};

/// Takes a hook off again. Dropping a handle leaves the hook where it is; a handle outlives its module
/// safely.
class HookHandle {
 public:
  HookHandle() = default;
  void remove();

 private:
  friend class Module;
  struct List;
  HookHandle(std::weak_ptr<List> list, int64_t id) : list_(std::move(list)), id_(id) {}

  std::weak_ptr<List> list_;
  int64_t id_ = 0;
};

/// The base of everything with parameters. Source: torch.nn.Module.
///
/// A module with several inputs or a state derives from Module and has a typed call operator of its own,
/// which passes its output through run_output_hooks. One from a tensor to a tensor derives from Layer.
///
/// Copying copies name, training flag and members, deeply; hooks stay behind. Copy-assignment fills: leaves,
/// name and hooks remain, values and the training flag are taken (`model = best` keeps the optimiser
/// attached). A move takes everything.
class Module {
 public:
  Module() = default;
  /// The name under which a parent visits it by default. Throws ValueError for one with a "." in it.
  explicit Module(std::string name);
  Module(const Module& other) : name_(other.name_), training_(other.training_) {}
  Module(Module&&) noexcept = default;
  Module& operator=(const Module& other) {
    training_ = other.training_;
    return *this;
  }
  Module& operator=(Module&&) noexcept = default;
  virtual ~Module() = default;

  const std::string& name() const { return name_; }

  /// Names every parameter, buffer and child: the only list of members there is. It must do nothing else.
  virtual void visit(Visitor& v) = 0;
  /// What printing shows between the brackets, as "in_features=3, out_features=4, bias=True".
  virtual std::string extra_repr() const { return {}; }
  /// As Python prints it: "Linear(in_features=3, out_features=4, bias=True)", children indented below.
  virtual std::string to_string() const;
  /// The class, as "Linear".
  std::string type_name() const;

  // --- mode and hooks ---
  /// Whether dropout drops and batch norm uses the batch; true at first.
  bool training() const { return training_; }
  /// Sets it here and in every module below.
  void set_training(bool training);
  void train() { set_training(true); }
  void eval() { set_training(false); }
  /// `hook` sees, and may replace, every output from now on. Hooks run in the order in which they came.
  HookHandle register_forward_hook(OutputHook hook);

  // --- members: of this module first, then of each child in turn ---
  /// Handles of the leaves. One that is listed under two names (tied weights) appears once, under the first.
  std::vector<Tensor> parameters() const;
  std::vector<std::pair<std::string, Tensor>> named_parameters() const;
  std::vector<Tensor> buffers() const;
  std::vector<std::pair<std::string, Tensor>> named_buffers() const;
  std::vector<Module*> children();
  std::vector<std::pair<std::string, Module*>> named_children();
  /// Elements of all parameters.
  int64_t num_parameters() const;
  /// Calls f on every module below, children first, then on this one.
  void apply(const std::function<void(Module&)>& f);

  // --- state ---
  /// Parameters and persistent buffers under PyTorch's keys, detached; they share the module's memory. The
  /// metadata has "KEY.manifold" and "KEY.curvature" for each parameter that carries a curved manifold.
  StateDict state_dict() const;
  /// Copies the entries into the leaves, converted to their dtypes. Everything is checked before anything is
  /// changed: one ValueError lists all missing and unexpected keys (unless not strict), all wrong shapes, and
  /// all parameters whose manifold is another one than that in the state dict's metadata (none: Euclidean).
  LoadResult load_state_dict(const StateDict& state, const LoadOptions& options = {});
  /// Converts parameters, buffers and gradients of floating dtype; leaves stay the same leaves. Throws
  /// DTypeError unless `dtype` is a floating one, and for 16 bits where a parameter holds points of a curved
  /// manifold.
  Module& to(DType dtype);
  Module& to(Device device);
  /// Every parameter's gradient becomes none.
  void zero_grad();
  /// Freezes (false) or unfreezes every parameter.
  Module& requires_grad_(bool value = true);

 protected:
  /// `output` as the hooks leave it.
  Tensor run_output_hooks(Tensor output) { return hooks_ ? run_hooks(std::move(output)) : output; }

 private:
  Tensor run_hooks(Tensor output);

  std::string name_;
  bool training_ = true;
  std::shared_ptr<HookHandle::List> hooks_;  // null until the first hook
};

std::ostream& operator<<(std::ostream& os, const Module& module);

/// A module from one tensor to one tensor: write `forward`, call the object. `child(x)` runs the child's
/// hooks.
class Layer : public Module {
 public:
  Layer() = default;
  using Module::Module;
  virtual Tensor forward(const Tensor& x) = 0;
  Tensor operator()(const Tensor& x) { return run_output_hooks(forward(x)); }
};

/// What every module must be. Each layer's header asserts it of its layer.
template <class M>
concept ModuleValue = std::derived_from<M, Module> && std::copyable<M> &&
    std::is_nothrow_move_constructible_v<M> && std::is_nothrow_move_assignable_v<M>;

}  // namespace nn
}  // namespace st
