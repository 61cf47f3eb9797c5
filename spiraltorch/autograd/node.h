// Node: one recorded op. It knows where its gradients go (edges), what its gradient needs (kept tensors) and
// how to compute it (the lambda that stands in the op's own function). record() is all that an op sees of
// autograd.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "spiraltorch/core/modes.h"
#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

class Node;

/// One gradient for each input of an op, in order. An undefined one means zero.
using Grads = std::vector<Tensor>;

/// The tensors that a gradient needs again. They are freed as soon as backward has used them.
class Keep {
 public:
  Keep() = default;
  Keep(std::initializer_list<Tensor> tensors) : tensors_(tensors) {}
  const std::vector<Tensor>& tensors() const { return tensors_; }

 private:
  std::vector<Tensor> tensors_;
};

/// What a gradient lambda is given.
class Backward {
 public:
  Backward(const Node& node, std::vector<Tensor>& dys) : node_(node), dys_(dys) {}
  /// The gradient of output i; zeros if nothing flowed into it.
  const Tensor& dy(int i = 0) const;
  /// Whether anything flowed into output i: what else would be zeros.
  bool has_dy(int i) const { return dys_[static_cast<size_t>(i)].defined(); }
  /// The i-th kept tensor. Throws ValueError if it was written to since, or if an earlier backward freed it.
  Tensor kept(int i) const;
  /// The gradient of the only output, moved out: the caller may be its only owner.
  Tensor take_dy() const { return std::move(dys_[0]); }
  /// Whether anybody wants the gradient of input i.
  bool needs(int i) const;

 private:
  const Node& node_;
  std::vector<Tensor>& dys_;
};

/// Where a gradient goes: output `output` of `node`, brought to the shape and dtype of the tensor it belongs
/// to.
struct Edge {
  std::shared_ptr<Node> node;  // null where no gradient is wanted
  int output = 0;
  Shape shape;
  DType dtype = DType::float32;
};

class Node : public std::enable_shared_from_this<Node> {
 public:
  explicit Node(const char* op);
  virtual ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  virtual Grads apply(const Backward& b) = 0;

  const char* op() const { return op_; }
  /// Grows with every node made: an op's inputs have smaller numbers than the op.
  uint64_t sequence() const { return sequence_; }
  const std::vector<Edge>& edges() const { return edges_; }
  int outputs() const { return static_cast<int>(outputs_.size()); }
  /// Frees the kept tensors.
  void release();
  /// Runs the hooks of output i over its gradient, then lets the tensors that retain it have it.
  virtual void run_hooks(int i, Tensor& dy);

 protected:
  /// For nodes that stand outside the order of ops, with one output of the shape and dtype of `y`.
  Node(const char* op, uint64_t sequence, const Tensor& y);

 private:
  friend class Backward;
  friend class Tensor;
  friend void attach(std::shared_ptr<Node> node, std::span<const Tensor> outputs,
                     std::span<const Tensor> inputs, const Keep& keep);

  struct Saved {
    Tensor tensor;
    uint64_t version;
    int output;  // the op's output that it is, or -1
  };
  struct Output {
    Shape shape;
    DType dtype;
    Device device;
  };
  struct Hook {
    int64_t id;
    int output;
    GradHook call;
  };

  const char* op_;
  uint64_t sequence_;
  bool released_ = false;
  std::vector<Edge> edges_;
  std::vector<Saved> saved_;
  std::vector<Output> outputs_;
  std::vector<Hook> hooks_;
  std::vector<std::pair<int, std::weak_ptr<TensorImpl>>> retained_;  // by output, as retain_grad() asked
};

/// The edge that leads to tensor x; empty when x takes no part in autograd.
Edge edge_to(const Tensor& x);

/// Replaces dy by what the hook returns, if it returns something. Throws ShapeError or DTypeError for a
/// gradient that is not of dy's shape and dtype.
void apply_hook(const GradHook& hook, Tensor& dy);

/// Whether grad mode is on and one of these tensors requires a gradient.
bool must_record(std::span<const Tensor> inputs);

void attach(std::shared_ptr<Node> node, std::span<const Tensor> outputs, std::span<const Tensor> inputs,
            const Keep& keep);

template <class F>
class NodeOf final : public Node {
 public:
  NodeOf(const char* op, const F& gradient) : Node(op), gradient_(gradient) {}
  Grads apply(const Backward& b) override { return gradient_(b); }

 private:
  F gradient_;
};

/// Records that `outputs`, fresh tensors, were computed from `inputs` by `op`; undefined inputs are skipped.
/// Nothing is kept and no node made when no input needs a gradient. `gradient(const Backward&) -> Grads`
/// computes one gradient an input. It may capture plain values only: a captured tensor would leak or make
/// second derivatives silently wrong; what it needs goes into `keep`. It runs with grad mode off, except
/// under create_graph, where it must use recorded ops alone.
template <class F>
void record(const char* op, std::span<const Tensor> outputs, std::span<const Tensor> inputs, const Keep& keep,
            const F& gradient) {
  static_assert(std::is_trivially_copyable_v<F>, "a gradient captures plain values; tensors go into Keep");
  if (must_record(inputs)) attach(std::make_shared<NodeOf<F>>(op, gradient), outputs, inputs, keep);
}
template <class F>
void record(const char* op, std::initializer_list<Tensor> outputs, std::initializer_list<Tensor> inputs,
            const Keep& keep, const F& gradient) {
  record(op, std::span<const Tensor>(outputs.begin(), outputs.size()),
         std::span<const Tensor>(inputs.begin(), inputs.size()), keep, gradient);
}

/// The same for one output, which it returns.
template <class F>
Tensor record(const char* op, Tensor y, std::initializer_list<Tensor> inputs, const Keep& keep,
              const F& gradient) {
  record(op, {y}, inputs, keep, gradient);
  return y;
}

/// For gradients that have a fused form only: throws under create_graph, naming the op.
void refuse_create_graph(const char* op);

/// For ops that write to x: throws ValueError if its memory is read-only or autograd would have to record it.
void check_writable(const char* op, const Tensor& x);
/// For what an op writes into another tensor: throws ValueError if its gradient would be lost.
void check_unrecorded(const char* op, const Tensor& x);

}  // namespace st
