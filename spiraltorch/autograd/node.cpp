// Making, feeding and releasing nodes.
#include "spiraltorch/autograd/node.h"

#include <atomic>

#include "spiraltorch/autograd/meta.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

std::atomic<uint64_t> next_sequence = 0;

// Chains are released by a worklist: a node that dies hands over what it holds, and the outermost one empties
// the list. Otherwise a chain of a million ops would release itself by a million nested destructors.
struct Remains {
  std::vector<Edge> edges;
  std::vector<Tensor> kept;
};

void release_later(Remains remains) {
  thread_local std::vector<Remains>* worklist = nullptr;
  if (worklist) {
    worklist->push_back(std::move(remains));
    return;
  }
  std::vector<Remains> list;
  worklist = &list;
  list.push_back(std::move(remains));
  while (!list.empty()) {
    const Remains last = std::move(list.back());
    list.pop_back();
  }
  worklist = nullptr;
}

}  // namespace

const Tensor& Backward::dy(int i) const {
  Tensor& dy = dys_[static_cast<size_t>(i)];
  if (!dy.defined()) {
    const Node::Output& output = node_.outputs_[static_cast<size_t>(i)];
    dy = empty(output.shape, output.dtype, output.device);
    dy.zero_();
  }
  return dy;
}

Tensor Backward::kept(int i) const {
  check<ValueError>(
      !node_.released_,
      "{}: backward runs a second time through this op, but the first freed what it had kept; call the "
      "first with {.retain_graph = true}",
      node_.op());
  const Node::Saved& saved = node_.saved_[static_cast<size_t>(i)];
  if (!saved.tensor.defined()) return {};
  check<ValueError>(
      saved.tensor.version() == saved.version,
      "{}: a tensor {} that backward needs was written to after the op (it is at version {}, {} was kept)",
      node_.op(), saved.tensor.shape(), saved.tensor.version(), saved.version);
  if (saved.output < 0 || !grad_enabled()) return saved.tensor;
  // An output holds its node, so the node kept a bare view of it. Under create_graph it needs its history
  // back.
  const Tensor& t = saved.tensor;
  Tensor output = make_view(t, t.shape(), t.strides(), t.storage_offset());
  AutogradMeta& meta = autograd_meta(output);
  meta.grad_fn = std::const_pointer_cast<Node>(node_.shared_from_this());
  meta.output = saved.output;
  return output;
}

bool Backward::needs(int i) const { return node_.edges_[static_cast<size_t>(i)].node != nullptr; }

Node::Node(const char* op) : op_(op), sequence_(next_sequence.fetch_add(1, std::memory_order_relaxed)) {}

Node::Node(const char* op, uint64_t sequence, const Tensor& y)
    : op_(op), sequence_(sequence), outputs_{{y.shape(), y.dtype(), y.device()}} {}

Node::~Node() {
  Remains remains{std::move(edges_), {}};
  for (Saved& saved : saved_) remains.kept.push_back(std::move(saved.tensor));
  if (!remains.edges.empty() || !remains.kept.empty()) release_later(std::move(remains));
}

void Node::release() {
  if (saved_.empty()) return;
  released_ = true;
  saved_.clear();
}

void apply_hook(const GradHook& hook, Tensor& dy) {
  const Tensor replacement = hook(dy);
  if (!replacement.defined()) return;
  check<ShapeError>(replacement.shape() == dy.shape(),
                    "register_hook: a hook replaced a gradient of shape {} by one of shape {}", dy.shape(),
                    replacement.shape());
  check<DTypeError>(replacement.dtype() == dy.dtype(),
                    "register_hook: a hook replaced a {} gradient by a {} one", dy.dtype(),
                    replacement.dtype());
  dy = replacement;
}

void Node::run_hooks(int i, Tensor& dy) {
  if (hooks_.empty() && retained_.empty()) return;
  const std::vector<Hook> hooks = hooks_;  // a hook may add or remove hooks
  for (const Hook& hook : hooks) {
    if (hook.output == i) apply_hook(hook.call, dy);
  }
  for (const auto& [output, retained] : retained_) {
    const std::shared_ptr<TensorImpl> tensor = output == i ? retained.lock() : nullptr;
    if (!tensor) continue;
    Tensor& grad = tensor->autograd->grad;
    grad = grad.defined() ? grad.add(dy) : dy.clone();
  }
}

bool must_record(std::span<const Tensor> inputs) {
  if (!grad_enabled()) return false;
  for (const Tensor& x : inputs) {
    if (x.defined() && x.requires_grad()) return true;
  }
  return false;
}

void attach(std::shared_ptr<Node> node, std::span<const Tensor> outputs, std::span<const Tensor> inputs,
            const Keep& keep) {
  node->edges_.reserve(inputs.size());
  for (const Tensor& x : inputs) node->edges_.push_back(x.defined() ? edge_to(x) : Edge{});

  node->saved_.reserve(keep.tensors().size());
  for (const Tensor& t : keep.tensors()) {
    int output = -1, position = 0;
    for (const Tensor& y : outputs) {
      if (t.is_same(y)) output = position;
      ++position;
    }
    const bool is_output = output >= 0;
    node->saved_.push_back({is_output ? make_view(t, t.shape(), t.strides(), t.storage_offset()) : t,
                            t.defined() ? t.version() : 0, output});
  }

  int position = 0;
  for (const Tensor& y : outputs) {
    node->outputs_.push_back({y.shape(), y.dtype(), y.device()});
    if (is_floating(y.dtype())) {
      AutogradMeta& meta = autograd_meta(y);
      meta.grad_fn = node;
      meta.output = position;
    }
    ++position;
  }
}

void refuse_create_graph(const char* op) {
  check<ValueError>(!grad_enabled(),
                    "{}: its gradient is fused and has no second derivative; create_graph cannot pass it",
                    op);
}

void check_writable(const char* op, const Tensor& x) {
  check_not_read_only(op, "the tensor", x);
  check_unrecorded(op, x);
}

void check_unrecorded(const char* op, const Tensor& x) {
  check<ValueError>(
      !grad_enabled() || !x.requires_grad(),
      "{}: the tensor requires a gradient and autograd does not record writes; write \"x = x + y\", or use a "
      "NoGradGuard to write without a gradient",
      op);
}

}  // namespace st
