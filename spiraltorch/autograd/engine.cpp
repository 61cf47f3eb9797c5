// One pass of backward: counts every node's consumers, runs nodes as they become ready, adds up what they
// deliver.
#include "spiraltorch/autograd/engine.h"

#include <algorithm>
#include <unordered_map>

#include "spiraltorch/autograd/meta.h"

namespace st {
namespace {

struct NodeState {
  int waiting_for = 0;      // edges that have not delivered yet
  bool wanted = true;       // whether its gradients lead to a captured tensor
  std::vector<Tensor> dys;  // what has arrived for each output
};

// Whether writing to a gradient changes nothing else: no other handle, no view, and no element that an expand
// repeats.
bool owns_its_elements(const Tensor& dy) {
  if (dy.handle().use_count() != 1 || dy.storage().use_count() != 1) return false;
  for (int d = 0; d < dy.dim(); ++d) {
    if (dy.strides()[d] == 0 && dy.shape()[d] > 1) return false;
  }
  return true;
}

// One pass over the graph. Counts each node's consumers, then runs nodes as they become ready, latest first.
class Pass {
 public:
  Pass(bool retain_graph, bool create_graph) : retain_graph_(retain_graph), create_graph_(create_graph) {}

  void run(const std::vector<Edge>& roots, std::vector<Tensor>& root_grads,
           const std::vector<Edge>& captures) {
    captures_ = captures;
    captured_.resize(captures.size());
    discover(roots);
    if (!captures.empty()) mark_wanted();
    for (size_t i = 0; i < roots.size(); ++i) deliver(roots[i], std::move(root_grads[i]));
    const GradModeGuard mode(create_graph_);
    const AutocastMode no_autocast({});  // gradients are computed in the dtypes that forward chose
    while (!ready_.empty()) {
      std::pop_heap(ready_.begin(), ready_.end(), later);
      Node* node = ready_.back();
      ready_.pop_back();
      run_node(*node);
    }
  }

  std::vector<Tensor>& captured() { return captured_; }

 private:
  static bool later(const Node* a, const Node* b) { return a->sequence() < b->sequence(); }

  void discover(const std::vector<Edge>& roots) {
    for (const Edge& root : roots) count(root);
    while (!unseen_.empty()) {
      Node* node = unseen_.back();
      unseen_.pop_back();
      for (const Edge& edge : node->edges()) count(edge);
    }
  }

  void count(const Edge& edge) {
    if (!edge.node) return;
    const auto [at, is_new] = states_.try_emplace(edge.node.get());
    ++at->second.waiting_for;
    if (is_new) {
      at->second.dys.resize(static_cast<size_t>(edge.node->outputs()));
      unseen_.push_back(edge.node.get());
    }
  }

  // A node is wanted if one of its edges leads to a captured tensor or to a wanted node. Inputs have smaller
  // sequence numbers than their op, so one sweep upwards settles it.
  void mark_wanted() {
    std::vector<Node*> order;
    for (auto& [node, state] : states_) {
      state.wanted = false;  // leaves stand last in the order, and nothing lies below them
      order.push_back(node);
    }
    std::sort(order.begin(), order.end(),
              [](const Node* a, const Node* b) { return a->sequence() < b->sequence(); });
    for (Node* node : order) {
      states_[node].wanted = std::any_of(node->edges().begin(), node->edges().end(), [&](const Edge& edge) {
        return edge.node && (capture_of(edge) || states_[edge.node.get()].wanted);
      });
    }
  }

  bool capture_of(const Edge& edge) const {
    return std::any_of(captures_.begin(), captures_.end(),
                       [&](const Edge& c) { return c.node == edge.node && c.output == edge.output; });
  }

  // Adds a gradient to what the edge's end has received, and queues the node when nothing more can come.
  void deliver(const Edge& edge, Tensor dy) {
    if (!edge.node) return;
    NodeState& state = states_[edge.node.get()];
    if (dy.defined()) {
      if (dy.shape() != edge.shape) dy = dy.sum_to_size(edge.shape);
      if (dy.dtype() != edge.dtype) dy = dy.to(edge.dtype);
      Tensor& sum = state.dys[static_cast<size_t>(edge.output)];
      if (!sum.defined()) {
        sum = std::move(dy);
      } else if (!create_graph_ && owns_its_elements(sum)) {
        sum.add_(dy);
      } else {
        sum = sum.add(dy);
      }
    }
    if (--state.waiting_for == 0) {
      ready_.push_back(edge.node.get());
      std::push_heap(ready_.begin(), ready_.end(), later);
    }
  }

  void run_node(Node& node) {
    NodeState& state = states_[&node];
    bool reached = false;
    for (int i = 0; i < node.outputs(); ++i) {
      Tensor& dy = state.dys[static_cast<size_t>(i)];
      if (!dy.defined()) continue;
      reached = true;
      node.run_hooks(i, dy);
      for (size_t c = 0; c < captures_.size(); ++c) {
        if (captures_[c].node.get() == &node && captures_[c].output == i) captured_[c] = dy;
      }
    }
    Grads grads(node.edges().size());
    if (reached && state.wanted) {
      grads = node.apply(Backward(node, state.dys));
      check<Error>(grads.size() == node.edges().size(), "{}: its gradient returned {} tensors for {} inputs",
                   node.op(), grads.size(), node.edges().size());
      if (!retain_graph_) node.release();
    }
    state.dys.clear();
    for (size_t i = 0; i < grads.size(); ++i) deliver(node.edges()[i], std::move(grads[i]));
  }

  const bool retain_graph_;
  const bool create_graph_;
  std::vector<Edge> captures_;
  std::vector<Tensor> captured_;
  std::vector<Node*> unseen_;
  std::vector<Node*> ready_;  // a heap: the latest node on top
  std::unordered_map<Node*, NodeState> states_;
};

std::vector<Tensor> run(const char* op, const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                        const GradOptions& options) {
  check<ValueError>(options.grad_outputs.empty() || options.grad_outputs.size() == outputs.size(),
                    "{}: {} gradients are given for {} outputs", op, options.grad_outputs.size(),
                    outputs.size());
  std::vector<Edge> roots, captures;
  std::vector<Tensor> root_grads;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& y = outputs[i];
    check<ValueError>(y.defined(), "{}: output {} is undefined", op, i);
    roots.push_back(edge_to(y));
    check<ValueError>(roots.back().node != nullptr,
                      "{}: output {} does not require a gradient: no input of it did", op, i);
    Tensor dy = options.grad_outputs.empty() ? Tensor() : options.grad_outputs[i];
    if (!dy.defined()) {
      check<ValueError>(y.numel() == 1,
                        "{}: output {} has shape {}; only one element can do without a given gradient", op, i,
                        y.shape());
      dy = empty_like(y);
      dy.fill_(1);
    }
    check<ShapeError>(dy.shape() == y.shape(), "{}: the gradient given for output {} is {}, the output {}",
                      op, i, dy.shape(), y.shape());
    check<ValueError>(dy.device() == y.device(),
                      "{}: the gradient given for output {} is on {}, the output on {}", op, i, dy.device(),
                      y.device());
    root_grads.push_back(std::move(dy));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    check<ValueError>(inputs[i].defined(), "{}: input {} is undefined", op, i);
    captures.push_back(edge_to(inputs[i]));
    check<ValueError>(captures.back().node != nullptr, "{}: input {} does not require a gradient", op, i);
  }
  Pass pass(options.retain_graph || options.create_graph, options.create_graph);
  pass.run(roots, root_grads, captures);
  return std::move(pass.captured());
}

}  // namespace

void backward(const std::vector<Tensor>& outputs, const GradOptions& options) {
  run("backward", outputs, {}, options);
}

std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options) {
  if (inputs.empty()) return {};
  std::vector<Tensor> grads = run("grad", outputs, inputs, options);
  for (size_t i = 0; i < grads.size(); ++i) {
    check<ValueError>(
        grads[i].defined() || options.allow_unused,
        "grad: input {} is not part of the graph of the outputs; {.allow_unused = true} gives an undefined "
        "gradient for it",
        i);
  }
  return grads;
}

}  // namespace st
