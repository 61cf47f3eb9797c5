// One array of an .npz archive: numpy.lib.format's header and the bytes behind it.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "spiraltorch/tensor/tensor.h"

namespace st {
namespace io {

/// The header, version 1.0, of a row-major array, padded so that the data behind it is aligned to 64 bytes.
std::string npy_header(const Tensor& x);

/// The array in the bytes of an .npy file. `where` begins each error: "load_npz: path: array".
Tensor parse_npy(const std::string& where, std::span<const std::byte> bytes);

}  // namespace io
}  // namespace st
