// Numbers under names, saved and loaded.
#include "spiraltorch/optim/scalar_state.h"

#include <cmath>
#include <set>

#include "spiraltorch/ops/creation.h"

namespace st::optim {
namespace {

Tensor saved(const Fields::Field& field) {
  if (field.number) return tensor(Scalar(*field.number), DType::float64);
  if (field.count) return tensor(Scalar(*field.count), DType::int64);
  return tensor(Scalar(*field.flag), DType::bool_);
}

void set(const Fields::Field& field, const Tensor& value) {
  if (field.number) *field.number = value.item<double>();
  if (field.count) *field.count = value.item<int64_t>();
  if (field.flag) *field.flag = value.item<bool>();
}

}  // namespace

StateDict save(const ScalarState& state) {
  StateDict dict;
  for (const auto& field : state.numbers) dict.insert(field.name, saved(field));
  for (const auto& [name, list] : state.lists) dict.insert(name, tensor(*list));
  return dict;
}

void load(const char* who, const ScalarState& state, const StateDict& from) {
  std::string problems;
  std::set<std::string> known;
  const auto check_entry = [&](const std::string& name, const Shape& shape, bool optional) {
    known.insert(name);
    const Tensor* value = from.find(name);
    if (!value) {
      if (!optional) problems += "\n  missing: \"" + name + "\"";
      return;
    }
    if (!value->defined() || value->shape() != shape) {
      problems += "\n  \"" + name + "\" has the shape " +
                  (value->defined() ? to_text(value->shape()) : "none") + ", " + to_text(shape) +
                  " is needed";
      return;
    }
    for (double x : value->to_vector<double>()) {
      if (std::isnan(x)) problems += "\n  \"" + name + "\" is nan";
    }
  };
  for (const auto& field : state.numbers) check_entry(field.name, {}, field.optional);
  for (const auto& [name, list] : state.lists) {
    check_entry(name, {static_cast<int64_t>(list->size())}, false);
  }
  for (const auto& [name, value] : from) {
    if (!known.contains(name)) problems += "\n  unexpected: \"" + name + "\"";
  }
  check<ValueError>(problems.empty(), "load_state_dict: the state dict does not fit {}:{}", who, problems);
  for (const auto& field : state.numbers) {
    if (const Tensor* value = from.find(field.name)) set(field, *value);
  }
  for (const auto& [name, list] : state.lists) *list = from.at(name).to_vector<double>();
}

}  // namespace st::optim
