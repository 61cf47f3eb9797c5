// The state of what is not an optimiser but goes along with one (schedules, the scaler): numbers under names,
// saved and loaded alike.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "spiraltorch/optim/optimizer.h"

namespace st {
namespace optim {

/// What such a state consists of: numbers (double, int64, bool) and lists of doubles, whose length is part of
/// the form.
struct ScalarState {
  std::vector<Fields::Field> numbers;
  std::vector<std::pair<std::string, std::vector<double>*>> lists = {};
};

/// 0-dim float64, int64 or bool entries, and 1-dim float64 ones for the lists.
StateDict save(const ScalarState& state);

/// Sets what `state` points to. Throws ValueError, which names `who` and lists all that is missing (unless
/// optional), unexpected, of a wrong form or NaN; then nothing has changed. Infinity is a number here.
void load(const char* who, const ScalarState& state, const StateDict& from);

}  // namespace optim
}  // namespace st
