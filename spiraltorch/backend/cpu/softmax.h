// Softmax, its logarithm, and their gradients, along one dimension.
#pragma once

#include "spiraltorch/backend/view.h"

namespace st::cpu {

void softmax(In x, int dim, Out y);
void softmax_backward(In y, In dy, int dim, Out dx);
void log_softmax(In x, int dim, Out y);
void log_softmax_backward(In y, In dy, int dim, Out dx);

}  // namespace st::cpu
