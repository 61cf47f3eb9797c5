// A device without hardware: kernels of the CPU over memory that tensors hold under an address where nothing
// may be read. What works on it reaches elements through kernels and copies between devices alone, as it will
// have to on a GPU; anything else is a segmentation fault in the test that does it.
#pragma once

#include "spiraltorch/tensor/tensor.h"

namespace st::test {

/// The device, registered at the first call.
Device shadow_device();

/// x on another device in the same memory layout, gaps and all, as a leaf of its own.
Tensor moved(const Tensor& x, Device device);

/// How often the kernel `copy` has run on it: the copies that ops make of their operands, too.
int64_t shadow_copies();

}  // namespace st::test
