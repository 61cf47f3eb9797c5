// Fields as tensors under their names: how optimisers, schedules and the scaler are saved, checked and
// loaded.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "spiraltorch/optim/optimizer.h"

namespace st {
namespace optim {

/// The value of a field: 0-dim float64, int64 or bool, 1-dim float64 or int64 for lists. A tensor is itself,
/// without its history.
Tensor saved(const Fields::Field& field);

/// What is wrong with `value` for a field; empty if nothing. The shape of a tensor's field is not looked at.
std::string problem_of(const Fields::Field& field, const Tensor& value);

/// Sets a number or a list, or a tensor to a copy of `value` of this dtype on this device.
void set(const Fields::Field& field, const Tensor& value, DType dtype = DType::float64,
         Device device = Device::cpu);

/// All of them, in order.
StateDict save(const std::vector<Fields::Field>& fields);

/// Sets numbers and lists to what `from` has, then calls `check`, which throws ValueError for what makes no
/// sense together. Throws ValueError, which names `who` and lists all that is missing (unless optional),
/// unexpected, or of a wrong form, or that of `check`; then the fields are as they were.
void load(const char* who, const std::vector<Fields::Field>& fields, const StateDict& from,
          const std::function<void()>& check);

/// Throws ValueError unless all of the learning rates `name` are at least 0.
void check_rates(const char* name, const std::vector<double>& rates);

}  // namespace optim
}  // namespace st
