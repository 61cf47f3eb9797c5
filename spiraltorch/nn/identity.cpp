// Identity: refuses an undefined tensor as every layer does, and hands on all others.
#include "spiraltorch/nn/identity.h"

#include "spiraltorch/tensor/operands.h"

namespace st::nn {

Tensor Identity::forward(const Tensor& x) {
  check_operands("Identity", {{"x", x}});
  return x;
}

}  // namespace st::nn
