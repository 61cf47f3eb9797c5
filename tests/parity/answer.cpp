// Answer: values are copied when they are added, for a later step may write to them.
#include "tests/parity/answer.h"

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/ops/copy.h"

namespace st::test {

void Answer::add(const std::string& label, const Tensor& x) {
  values_.emplace_back(label, clone(x.detach()));
  if (x.requires_grad()) active_.push_back(label);
}

void Answer::add(const std::string& label, const std::vector<Tensor>& xs) {
  for (size_t i = 0; i < xs.size(); ++i) add(label + std::to_string(i), xs[i]);
}

void Answer::add_gradients(const std::vector<Tensor>& outputs, const std::vector<Named>& wanted,
                           const std::vector<Tensor>& cotangents) {
  std::vector<Tensor> active, inputs;
  for (const Tensor& y : outputs) {
    if (y.requires_grad()) active.push_back(y);
  }
  for (const auto& [label, x] : wanted) inputs.push_back(x);
  // Where outputs of PyTorch's differ from ours in number or shape, the outputs tell; there is nothing to
  // compute.
  if (cotangents.empty() || inputs.empty() || active.size() != cotangents.size()) return;
  for (size_t i = 0; i < active.size(); ++i) {
    if (active[i].shape() != cotangents[i].shape()) return;
  }
  const std::vector<Tensor> gradients =
      st::grad(active, inputs, {.grad_outputs = cotangents, .allow_unused = true});
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (gradients[i].defined()) add(wanted[i].first, gradients[i]);
  }
}

std::vector<Tensor> pick_tensors(const Json& indices, const std::vector<Tensor>& tensors) {
  std::vector<Tensor> picked;
  for (const Json& i : indices) picked.push_back(tensors.at(i.get<size_t>()));
  return picked;
}

}  // namespace st::test
