// The CPU's table of kernels, and what the processor has for 16 bits.
#pragma once

#include "spiraltorch/backend/kernels.h"

namespace st::cpu {

const Kernels& kernels();

/// bfloat16 where there is AVX-512 BF16 (every processor with AMX has it, too); else nothing.
bool has_instructions_for(DType dtype);

}  // namespace st::cpu
