// Convolution as products of matrices: what float64 runs on, what oneDNN does not serve, and the truth that
// tests hold it to. Arguments as in backend/cpu/conv.h; float32 or float64.
#pragma once

#include "spiraltorch/backend/families.h"
#include "spiraltorch/backend/view.h"

namespace st::cpu::reference {

void conv2d(In x, In w, In bias, const ConvRule& rule, Out y);
void conv2d_backward_input(In dy, In w, const ConvRule& rule, Out dx);
void conv2d_backward_weight(In x, In dy, const ConvRule& rule, Out dw, Out db);

}  // namespace st::cpu::reference
