// What follows from visit: lists of members, state dicts, loading, conversion, printing; and the hooks.
#include "spiraltorch/nn/module.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <ostream>
#include <typeinfo>
#include <unordered_set>

#include "spiraltorch/core/modes.h"
#include "spiraltorch/geometry/manifold.h"
#include "spiraltorch/nn/points.h"

namespace st::nn {
namespace {

void check_name(std::string_view name) {
  check<ValueError>(name.find('.') == std::string_view::npos,
                    "module: the name \"{}\" has a \".\" in it, which separates names in keys", name);
}

std::string join(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "." + name;
}

// Calls f(key, member) for each defined parameter or buffer, in the order of PyTorch's state_dict: parameters
// and then buffers of a module, then each child.
template <class F>
void for_each_tensor(const Module& module, const std::string& prefix, const F& f) {
  const std::vector<Visitor::Member> members = Visitor::members(module);
  for (const auto& m : members) {
    if (m.parameter && m.parameter->defined()) f(join(prefix, m.name), m);
  }
  for (const auto& m : members) {
    if (m.buffer && m.buffer->defined()) f(join(prefix, m.name), m);
  }
  for (const auto& m : members) {
    if (m.child) for_each_tensor(*m.child, join(prefix, m.name), f);
  }
}

// The defined tensors of one kind, each leaf once.
template <class T>
std::vector<std::pair<std::string, Tensor>> named(const Module& module, T* Visitor::Member::*kind) {
  std::vector<std::pair<std::string, Tensor>> list;
  std::unordered_set<const TensorImpl*> seen;
  for_each_tensor(module, "", [&](std::string key, const Visitor::Member& m) {
    if (m.*kind && seen.insert((m.*kind)->handle().get()).second)
      list.emplace_back(std::move(key), *(m.*kind));
  });
  return list;
}

std::vector<Tensor> tensors_of(std::vector<std::pair<std::string, Tensor>> list) {
  std::vector<Tensor> tensors;
  tensors.reserve(list.size());
  for (auto& [name, tensor] : list) tensors.push_back(std::move(tensor));
  return tensors;
}

// `leaf` stays the same leaf and gets the elements of `value`.
void set_data(const Tensor& leaf, const Tensor& value) {
  TensorImpl& impl = *leaf.handle();
  const TensorImpl& from = *value.handle();
  impl.storage = from.storage;
  impl.shape = from.shape;
  impl.strides = from.strides;
  impl.offset = from.offset;
  impl.numel = from.numel;
  impl.dtype = from.dtype;
}

template <class Target>
void convert(const Module& module, Target target) {
  const NoGradGuard guard;
  for_each_tensor(module, "", [&](const std::string&, const Visitor::Member& m) {
    const Tensor& leaf = m.parameter ? static_cast<const Tensor&>(*m.parameter) : *m.buffer;
    Tensor value;
    if constexpr (std::same_as<Target, DType>) {
      if (!leaf.is_floating_point()) return;
      value = points_in(leaf, target, manifold_of(leaf));
    } else {
      value = leaf.to(target);
    }
    if (value.is_same(leaf)) return;
    const Tensor grad = leaf.grad();
    const Tensor converted = grad.defined() ? grad.to(target) : Tensor();
    set_data(leaf, value);
    if (converted.defined()) leaf.set_grad(converted);
  });
}

std::string quoted_list(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "\"" : ", \"") + name + "\"";
  return text;
}

// The manifold that is written beside parameter `key`, in the words of geometry_of.
std::string recorded_geometry(const StateDict& state, const std::string& key) {
  const auto name = state.metadata.find(key + ".manifold");
  if (name == state.metadata.end()) return "euclidean";
  const auto curvature = state.metadata.find(key + ".curvature");
  if (curvature == state.metadata.end()) return name->second;
  const char* const text = curvature->second.c_str();
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  return name->second + " of curvature " + (end != text && *end == '\0' ? to_text(value) : curvature->second);
}

// Why the rows of value cannot be those of the leaf: what the leaf's manifold says; nothing if they can.
std::string not_points(const Tensor& leaf, const Tensor& value) {
  const auto manifold = manifold_of(leaf);
  if (!manifold || manifold->curvature() == 0) return {};
  try {
    manifold->check_point(value);
  } catch (const ValueError& e) {
    return e.what();
  }
  return {};
}

// Every line but the first moved right by two.
std::string indented(const std::string& text) {
  std::string result;
  for (char c : text) {
    result += c;
    if (c == '\n') result += "  ";
  }
  return result;
}

}  // namespace

// --- Visitor

std::vector<Visitor::Member> Visitor::members(const Module& module) {
  Visitor visitor(module);
  const_cast<Module&>(module).visit(visitor);
  return std::move(visitor.members_);
}

void Visitor::add(Member member) {
  check<ValueError>(!member.name.empty(), "visit: {} visits a parameter or buffer without a name",
                    module_.type_name());
  check_name(member.name);
  const bool taken = std::any_of(members_.begin(), members_.end(),
                                 [&](const Member& other) { return other.name == member.name; });
  check<ValueError>(!taken, "visit: {} visits two members under the name \"{}\"", module_.type_name(),
                    member.name);
  members_.push_back(std::move(member));
}

void Visitor::operator()(std::string_view name, Parameter& parameter) {
  add({std::string(name), &parameter, nullptr, nullptr});
}

void Visitor::operator()(std::string_view name, Buffer& buffer) {
  add({std::string(name), nullptr, &buffer, nullptr});
}

void Visitor::operator()(std::string_view name, Module& child) {
  add({name.empty() ? std::to_string(children_) : std::string(name), nullptr, nullptr, &child});
  ++children_;
}

void Visitor::operator()(Module& child) { (*this)(child.name(), child); }

// --- Hooks

struct HookHandle::List {
  int64_t next_id = 0;
  std::vector<std::pair<int64_t, std::shared_ptr<const OutputHook>>> hooks;
};

void HookHandle::remove() {
  if (const auto list = list_.lock()) {
    std::erase_if(list->hooks, [this](const auto& hook) { return hook.first == id_; });
  }
  list_.reset();
}

HookHandle Module::register_forward_hook(OutputHook hook) {
  if (!hooks_) hooks_ = std::make_shared<HookHandle::List>();
  const int64_t id = hooks_->next_id++;
  hooks_->hooks.emplace_back(id, std::make_shared<const OutputHook>(std::move(hook)));
  return {hooks_, id};
}

Tensor Module::run_hooks(Tensor output) {
  const auto hooks = hooks_->hooks;  // a hook may remove itself or add others
  for (const auto& [id, hook] : hooks) {
    if (Tensor replacement = (*hook)(*this, output); replacement.defined()) output = std::move(replacement);
  }
  return output;
}

// --- Module

Module::Module(std::string name) : name_(std::move(name)) { check_name(name_); }

std::string Module::type_name() const {
  const char* mangled = typeid(*this).name();
  int status = 0;
  char* demangled = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
  std::string name = demangled ? demangled : mangled;
  std::free(demangled);
  if (name.ends_with('>')) {  // template arguments
    size_t at = name.size();
    for (int depth = 0; at > 0;) {
      depth += name[--at] == '>' ? 1 : name[at] == '<' ? -1 : 0;
      if (depth == 0) break;
    }
    name.resize(at);
  }
  const size_t scope = name.rfind("::");
  return scope == std::string::npos ? name : name.substr(scope + 2);
}

std::string Module::to_string() const {
  const std::string extra = extra_repr();
  std::string children;
  for (const auto& m : Visitor::members(*this)) {
    if (m.child) children += "\n  (" + m.name + "): " + indented(m.child->to_string());
  }
  if (children.empty() && extra.find('\n') == std::string::npos) return type_name() + "(" + extra + ")";
  return type_name() + "(" + (extra.empty() ? "" : "\n  " + indented(extra)) + children + "\n)";
}

std::ostream& operator<<(std::ostream& os, const Module& module) { return os << module.to_string(); }

void Module::set_training(bool training) {
  apply([training](Module& m) { m.training_ = training; });
}

std::vector<std::pair<std::string, Tensor>> Module::named_parameters() const {
  return named(*this, &Visitor::Member::parameter);
}

std::vector<std::pair<std::string, Tensor>> Module::named_buffers() const {
  return named(*this, &Visitor::Member::buffer);
}

std::vector<Tensor> Module::parameters() const { return tensors_of(named_parameters()); }

std::vector<Tensor> Module::buffers() const { return tensors_of(named_buffers()); }

std::vector<std::pair<std::string, Module*>> Module::named_children() {
  std::vector<std::pair<std::string, Module*>> list;
  for (auto& m : Visitor::members(*this)) {
    if (m.child) list.emplace_back(std::move(m.name), m.child);
  }
  return list;
}

std::vector<Module*> Module::children() {
  std::vector<Module*> list;
  for (const auto& [name, child] : named_children()) list.push_back(child);
  return list;
}

int64_t Module::num_parameters() const {
  int64_t count = 0;
  for (const Tensor& p : parameters()) count += p.numel();
  return count;
}

void Module::apply(const std::function<void(Module&)>& f) {
  for (Module* child : children()) child->apply(f);
  f(*this);
}

StateDict Module::state_dict() const {
  StateDict state;
  for_each_tensor(*this, "", [&](std::string key, const Visitor::Member& m) {
    if (m.parameter) {
      if (const auto manifold = m.parameter->manifold(); manifold && manifold->curvature() != 0) {
        state.metadata[key + ".manifold"] = std::string(manifold->name());
        state.metadata[key + ".curvature"] = to_text(manifold->curvature());
      }
      state.insert(std::move(key), m.parameter->detach());
      return;
    }
    if (m.buffer && m.buffer->persistent()) state.insert(std::move(key), m.buffer->detach());
  });
  return state;
}

LoadResult Module::load_state_dict(const StateDict& state, const LoadOptions& options) {
  LoadResult result;
  std::vector<std::pair<Tensor, Tensor>> pairs;  // leaf, value
  std::unordered_set<std::string> keys;
  std::string wrong;
  for_each_tensor(*this, "", [&](const std::string& key, const Visitor::Member& m) {
    if (m.buffer && !m.buffer->persistent()) return;
    const Tensor leaf = m.parameter ? static_cast<const Tensor&>(*m.parameter) : *m.buffer;
    keys.insert(key);
    const Tensor* value = state.find(key);
    if (!value) {
      result.missing.push_back(key);
    } else if (!value->defined()) {
      wrong += "\n  undefined: \"" + key + "\"";
    } else if (value->shape() != leaf.shape()) {
      wrong += format_text("\n  wrong shape: \"{}\" is {} in the state dict, {} in the module",
                           {key, to_text(value->shape()), to_text(leaf.shape())});
    } else if (m.parameter && recorded_geometry(state, key) != geometry_of(leaf)) {
      wrong += format_text("\n  wrong manifold: \"{}\" is on {} in the state dict, on {} in the module",
                           {key, recorded_geometry(state, key), geometry_of(leaf)});
    } else if (leaf.storage()->is_read_only()) {
      wrong += "\n  read-only memory in the module: \"" + key + "\"";
    } else if (const std::string problem = not_points(leaf, *value); !problem.empty()) {
      wrong += format_text("\n  no points: \"{}\", {}", {key, problem});
    } else {
      pairs.emplace_back(leaf, *value);
    }
  });
  for (const auto& [key, value] : state) {
    if (!keys.contains(key)) result.unexpected.push_back(key);
  }
  std::string problems;
  if (options.strict && !result.missing.empty()) problems += "\n  missing: " + quoted_list(result.missing);
  if (options.strict && !result.unexpected.empty())
    problems += "\n  unexpected: " + quoted_list(result.unexpected);
  problems += wrong;
  check<ValueError>(problems.empty(), "load_state_dict: the state dict does not fit {}:{}", type_name(),
                    problems);

  const NoGradGuard guard;
  for (const auto& [leaf, value] : pairs) leaf.copy_(points_in(value, leaf.dtype(), manifold_of(leaf)));
  return result;
}

Module& Module::to(DType dtype) {
  check<DTypeError>(is_floating(dtype), "to: a module can be converted to a floating dtype, not to {}",
                    dtype);
  for (const auto& [name, p] : named_parameters()) {
    const auto manifold = manifold_of(p);
    check<DTypeError>(!manifold || manifold->curvature() == 0 || !is_reduced_floating(dtype),
                      "to: {} cannot hold the points of \"{}\", which is on {}", dtype, name, geometry_of(p));
  }
  convert(*this, dtype);
  return *this;
}

Module& Module::to(Device device) {
  convert(*this, device);
  return *this;
}

void Module::zero_grad() {
  for (const Tensor& p : parameters()) p.set_grad({});
}

Module& Module::requires_grad_(bool value) {
  for (const Tensor& p : parameters()) p.Tensor::requires_grad_(value);
  return *this;
}

}  // namespace st::nn
