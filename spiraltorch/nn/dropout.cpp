// Dropout: asks training(), calls its function.
#include "spiraltorch/nn/dropout.h"

#include "spiraltorch/nn/repr.h"
#include "spiraltorch/ops/dropout.h"

namespace st::nn {

Dropout::Dropout(double p) : p_(p) {
  check<ValueError>(p >= 0 && p <= 1, "Dropout: p must be in [0, 1], got {}", p);
}

Tensor Dropout::forward(const Tensor& x) { return dropout(x, {p_, training()}); }

std::string Dropout::extra_repr() const { return "p=" + python_repr(p_) + ", inplace=False"; }

}  // namespace st::nn
