// NumPy's .npz files: named arrays in a zip archive, what np.savez writes and np.load reads.
#pragma once

#include <string>

#include "spiraltorch/tensor/state_dict.h"

namespace [[gnu::visibility("default")]] st {
namespace io {

struct SaveNpzOptions {
  /// Deflated, as np.savez_compressed.
  bool compressed = false;
};

/// Writes the tensors as NAME.npy each, whole or not at all. A tensor that is not contiguous is written in
/// logical order. NumPy has no bfloat16: such a tensor is refused. Metadata is not written, for the format
/// has none. Throws ValueError for an undefined tensor and for an empty name, DTypeError for bfloat16,
/// IoError with path and reason. Format: numpy.lib.format, version 1.0
void save_npz(const std::string& path, const StateDict& state, const SaveNpzOptions& options = {});

/// The arrays of a file that np.savez or np.savez_compressed made, in the order of the archive, under their
/// names without ".npy". Little- and big-endian, C and Fortran order; int8, int16, uint16 and uint32 become
/// int32 (uint32: int64). Throws IoError naming path, array and rule: no zip archive, a damaged entry, an
/// array of objects or of another type that SpiralTorch does not have, a header that is none.
StateDict load_npz(const std::string& path);

}  // namespace io
}  // namespace st
