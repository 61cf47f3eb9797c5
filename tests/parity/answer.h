// Answer: the labelled tensors that a request of tests/parity gives.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/support/calls.h"

namespace st::test {

class Answer {
 public:
  using Named = std::pair<std::string, Tensor>;

  /// A copy of x as it is now, under this label.
  void add(const std::string& label, const Tensor& x);
  /// LABEL0, LABEL1, ...
  void add(const std::string& label, const std::vector<Tensor>& xs);
  /// The gradients of `outputs` for these cotangents, by their labels; undefined ones are left out. One
  /// cotangent for each output that requires a gradient; none at all: no gradients are asked for.
  void add_gradients(const std::vector<Tensor>& outputs, const std::vector<Named>& wanted,
                     const std::vector<Tensor>& cotangents);

  const std::vector<Named>& values() const { return values_; }
  /// The labels of the values that require a gradient.
  const std::vector<std::string>& active() const { return active_; }

 private:
  std::vector<Named> values_;
  std::vector<std::string> active_;
};

/// tensors[i] for every i of a JSON list.
std::vector<Tensor> pick_tensors(const Json& indices, const std::vector<Tensor>& tensors);

}  // namespace st::test
