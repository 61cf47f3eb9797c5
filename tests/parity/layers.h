// Requests that name a layer of nn, for tests/parity.
#pragma once

#include "tests/parity/answer.h"

namespace st::test {

/// Makes the layer with these constructor arguments, loads "state", and runs it once in training or
/// evaluation mode. y0: its output, y1 and y2 its state; g0: the gradient of its input; grad.NAME of its
/// parameters; state.NAME afterwards.
Answer run_layer(const Json& request, const std::vector<Tensor>& tensors);

/// The names in the table.
std::vector<std::string> layer_names();

}  // namespace st::test
