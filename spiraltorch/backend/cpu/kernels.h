// The CPU's table of kernels.
#pragma once

#include "spiraltorch/backend/kernels.h"

namespace st::cpu {

const Kernels& kernels();

}  // namespace st::cpu
