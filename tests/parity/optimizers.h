// Requests that name an optimiser, for tests/parity.
#pragma once

#include "tests/parity/answer.h"

namespace st::test {

/// Makes the optimiser over "groups" and takes one step for each list of gradients in "steps" (null: the
/// parameter has none), each followed by one of the "schedules". pI.S: parameter I after step S; lr.G.S:
/// the rate of group G then, where there are schedules; the optimiser's state by its own keys at the end.
Answer run_optimizer(const Json& request, const std::vector<Tensor>& tensors);

}  // namespace st::test
