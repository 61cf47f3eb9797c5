// IDX files: the plain format of MNIST and its relatives, an array after a header of sizes.
#pragma once

#include <string>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {
namespace data {

/// The array of an IDX file: uint8, int32, float32 or float64 (the format is big-endian, the tensor is not).
/// Throws IoError naming the path and what is wrong: a file that cannot be read, is compressed or is no IDX
/// file, an element type that SpiralTorch does not have, more than 8 dimensions, or a size that is not the
/// one the header gives. Format: http://yann.lecun.com/exdb/mnist/
Tensor read_idx(const std::string& path);

}  // namespace data
}  // namespace st
