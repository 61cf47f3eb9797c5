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

}  // namespace st::test
