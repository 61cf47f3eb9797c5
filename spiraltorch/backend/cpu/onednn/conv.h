// Convolution by oneDNN: float32, and bfloat16 summed in float32 where the processor serves it. Arguments as
// in backend/cpu/conv.h, none of them empty. Each returns false and does nothing where oneDNN has only its
// plain loops for it.
#pragma once

#include <string>

#include "spiraltorch/backend/families.h"
#include "spiraltorch/backend/view.h"

namespace st::cpu::onednn {

/// Weights are brought into oneDNN's own layout, and that copy is kept with their storage until they are
/// written to.
bool conv2d(In x, In w, In bias, const ConvRule& rule, Out y);
bool conv2d_backward_input(In dy, In w, const ConvRule& rule, Out dx);
bool conv2d_backward_weight(In x, In dy, const ConvRule& rule, Out dw, Out db);

/// The names of oneDNN's implementations of the forward, the gradient of x and that of w, for tests; empty
/// where there is none. w, y: only their sizes and dtypes count.
std::string conv2d_implementation(In x, In w, const ConvRule& rule, In y);
std::string conv2d_backward_input_implementation(In dy, In w, const ConvRule& rule, In dx);
std::string conv2d_backward_weight_implementation(In x, In dy, const ConvRule& rule, In dw);

}  // namespace st::cpu::onednn
