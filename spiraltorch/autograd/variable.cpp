// The autograd half of Tensor's methods, and the node that adds to a leaf's gradient.
#include <atomic>
#include <cstdint>
#include <limits>
#include <mutex>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/autograd/meta.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

std::atomic<int64_t> next_hook_id = 0;

// Runs as soon as it is ready: its sequence number is the largest.
class Accumulate final : public Node {
 public:
  explicit Accumulate(const Tensor& leaf)
      : Node("accumulate", std::numeric_limits<uint64_t>::max(), leaf), leaf_(leaf.handle()) {}

  // Before apply: grad() gives a leaf's gradient as its hooks made it, and never applies this node.
  void run_hooks(int, Tensor& dy) override {
    if (leaf_->autograd->hooks.empty()) return;
    const auto hooks = leaf_->autograd->hooks;  // a hook may add or remove hooks
    for (const auto& [id, hook] : hooks) apply_hook(hook, dy);
  }

  Grads apply(const Backward& b) override {
    AutogradMeta& meta = *leaf_->autograd;
    Tensor dy = b.take_dy();
    const std::lock_guard lock(meta.grad_mutex);
    if (!meta.grad.defined()) {
      meta.grad = taken_over(std::move(dy));
    } else if (grad_enabled()) {
      meta.grad = meta.grad.add(dy);
    } else {
      meta.grad.add_(dy);
    }
    return {};
  }

 private:
  // The gradient itself where nobody else holds it, else a copy: two leaves may have been given the same
  // tensor. A gradient has its leaf's strides, so that optimisers walk through both in step.
  Tensor taken_over(Tensor dy) const {
    if (grad_enabled()) return dy.clone();
    const bool unshared = dy.handle().use_count() == 1 && dy.storage().use_count() == 1;
    if (unshared && dy.strides() == leaf_->strides) return dy;
    Tensor grad = empty_like(Tensor(leaf_));
    grad.copy_(dy);
    return grad;
  }

  std::shared_ptr<TensorImpl> leaf_;
};

}  // namespace

AutogradMeta& autograd_meta(const Tensor& x) {
  std::shared_ptr<AutogradMeta>& meta = x.handle()->autograd;
  if (!meta) meta = std::make_shared<AutogradMeta>();
  return *meta;
}

Edge edge_to(const Tensor& x) {
  AutogradMeta* meta = x.handle()->autograd.get();
  if (!meta) return {};
  if (meta->grad_fn) return {meta->grad_fn, meta->output, x.shape(), x.dtype()};
  if (!meta->requires_grad) return {};
  const std::lock_guard lock(meta->accumulator_mutex);
  std::shared_ptr<Node> accumulator = meta->accumulator.lock();
  if (!accumulator) {
    accumulator = std::make_shared<Accumulate>(x);
    meta->accumulator = accumulator;
  }
  return {accumulator, 0, x.shape(), x.dtype()};
}

bool Tensor::requires_grad() const {
  const AutogradMeta* meta = impl("requires_grad").autograd.get();
  return meta && (meta->requires_grad || meta->grad_fn);
}

bool Tensor::is_leaf() const {
  const AutogradMeta* meta = impl("is_leaf").autograd.get();
  return !meta || !meta->grad_fn;
}

const Tensor& Tensor::requires_grad_(bool value) const {
  check_operands("requires_grad_", {{"the tensor", *this}});
  check<DTypeError>(!value || is_floating(dtype()),
                    "requires_grad_: only floating-point tensors have gradients, this is {}", dtype());
  check<ValueError>(is_leaf(),
                    "requires_grad_: the tensor is the result of {} and not a leaf; detach() it first",
                    grad_fn_name());
  if (value || impl("requires_grad_").autograd) autograd_meta(*this).requires_grad = value;
  return *this;
}

Tensor Tensor::grad() const {
  const AutogradMeta* meta = impl("grad").autograd.get();
  return meta ? meta->grad : Tensor();
}

void Tensor::set_grad(const Tensor& grad) const {
  check_operands("set_grad", {{"the tensor", *this}});
  if (grad.defined()) {
    check<ShapeError>(grad.shape() == shape(), "set_grad: the gradient is {}, the tensor {}", grad.shape(),
                      shape());
    check<DTypeError>(grad.dtype() == dtype(), "set_grad: the gradient is {}, the tensor {}", grad.dtype(),
                      dtype());
    check<ValueError>(grad.device() == device(), "set_grad: the gradient is on {}, the tensor on {}",
                      grad.device(), device());
  }
  if (grad.defined() || impl("set_grad").autograd) autograd_meta(*this).grad = grad;
}

Tensor Tensor::detach() const {
  check_operands("detach", {{"the tensor", *this}});
  return make_view(*this, shape(), strides(), storage_offset());
}

void Tensor::backward() const { backward(BackwardOptions{}); }

void Tensor::backward(const BackwardOptions& options) const {
  st::backward({*this}, {.grad_outputs = {options.gradient},
                         .retain_graph = options.retain_graph,
                         .create_graph = options.create_graph});
}

int64_t Tensor::register_hook(GradHook hook) const {
  check_operands("register_hook", {{"the tensor", *this}});
  check<ValueError>(hook != nullptr, "register_hook: the hook is empty");
  check<ValueError>(requires_grad(), "register_hook: the tensor {} does not require a gradient", shape());
  const int64_t id = next_hook_id++;
  AutogradMeta& meta = autograd_meta(*this);
  if (meta.grad_fn) {
    meta.grad_fn->hooks_.push_back({id, meta.output, std::move(hook)});
  } else {
    meta.hooks.emplace_back(id, std::move(hook));
  }
  return id;
}

void Tensor::remove_hook(int64_t id) const {
  check_operands("remove_hook", {{"the tensor", *this}});
  AutogradMeta& meta = autograd_meta(*this);
  std::erase_if(meta.hooks, [id](const auto& hook) { return hook.first == id; });
  if (meta.grad_fn)
    std::erase_if(meta.grad_fn->hooks_, [id](const Node::Hook& hook) { return hook.id == id; });
}

void Tensor::retain_grad() const {
  check_operands("retain_grad", {{"the tensor", *this}});
  check<ValueError>(requires_grad(), "retain_grad: the tensor {} does not require a gradient", shape());
  if (is_leaf()) return;
  auto& retained = impl_->autograd->grad_fn->retained_;
  for (const auto& [output, tensor] : retained) {
    if (tensor.lock() == impl_) return;
  }
  retained.emplace_back(impl_->autograd->output, impl_);
}

std::string Tensor::grad_fn_name() const {
  const AutogradMeta* meta = impl("grad_fn_name").autograd.get();
  return meta && meta->grad_fn ? meta->grad_fn->op() : "";
}

}  // namespace st
