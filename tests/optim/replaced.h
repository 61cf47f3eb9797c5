// State dicts with one entry changed: what loading must refuse.
#pragma once

#include <string>

#include "spiraltorch/ops/creation.h"
#include "spiraltorch/tensor/state_dict.h"

namespace st::test {

inline StateDict replaced(const StateDict& state, const std::string& key, const Tensor& value) {
  StateDict result;
  for (const auto& [name, tensor] : state) result.insert(name, name == key ? value : tensor);
  return result;
}

inline StateDict replaced(const StateDict& state, const std::string& key, double value) {
  return replaced(state, key, full({}, value, DType::float64));
}

inline StateDict without(const StateDict& state, const std::string& key) {
  StateDict result;
  for (const auto& [name, tensor] : state) {
    if (name != key) result.insert(name, tensor);
  }
  return result;
}

/// Names and values as one text: equal where two states are.
inline std::string text_of(const StateDict& state) {
  std::string text;
  for (const auto& [name, tensor] : state) {
    text += name + " " + to_text(tensor.dtype()) + to_text(tensor.shape());
    for (double x : tensor.to_vector<double>()) text += " " + to_text(x);
    text += "\n";
  }
  return text;
}

}  // namespace st::test
