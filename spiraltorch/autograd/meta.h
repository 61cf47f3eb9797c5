// AutogradMeta: what autograd knows of one tensor. tensor/ sees only its name.
#pragma once

#include <memory>
#include <vector>

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/core/mutex.h"

namespace [[gnu::visibility("default")]] st {

class Manifold;

struct AutogradMeta {
  bool requires_grad = false;  // of a leaf
  int output = 0;              // which output of grad_fn this tensor is
  std::shared_ptr<Node> grad_fn;
  Tensor grad;
  std::weak_ptr<Node> accumulator;                  // the node that adds to `grad`, while a graph holds it
  Mutex grad_mutex, accumulator_mutex;              // threads that record and run graphs of one leaf
  std::vector<std::pair<int64_t, GradHook>> hooks;  // of a leaf; those of other tensors stand in grad_fn
  std::shared_ptr<const Manifold> manifold;         // null: Euclidean
};

/// x's record, made when it is not there.
AutogradMeta& autograd_meta(const Tensor& x);

}  // namespace st
