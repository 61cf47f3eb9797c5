// Tensors in files: the safetensors format, which PyTorch, JAX and most tools around them read and write.
#pragma once

#include <string>

#include "spiraltorch/tensor/state_dict.h"

namespace [[gnu::visibility("default")]] st {
namespace io {

/// Writes the tensors and the metadata of `state`. The file is complete or is not there: it is written beside
/// `path` and then renamed. The header names the tensors in the order of `state`; the data lies in the order
/// of element sizes, largest first, so that all of it is aligned. A tensor that is not contiguous is written
/// in logical order. A state in the reference implementation's own order (by dtype, then name) gives the
/// reference implementation's bytes.
///
/// Throws ValueError for an undefined tensor, for the name "__metadata__", for text that is not UTF-8 and for
/// a header above 100,000,000 bytes; IoError naming path and reason when writing fails, whatever was at
/// `path` is then still there.
/// Format: https://github.com/huggingface/safetensors#format
void save_safetensors(const std::string& path, const StateDict& state);

/// The tensors of a file, in the order of its header, and its __metadata__. Nothing is read until it is used:
/// the tensors are parts of the mapped file, which goes with the last of them. They can be written to, which
/// does not change the file. The file may be replaced by a rename (as save_safetensors does) while they live,
/// but must not be shortened in place. Data that is not aligned to its element type is copied.
///
/// Throws IoError naming the path and the broken rule: a header that does not fit the file, is above
/// 100,000,000 bytes, is not a JSON object or names something twice; metadata that is not text; a dtype that
/// SpiralTorch does not have; a shape with more than 8 dimensions or a size too large; data_offsets that are
/// out of order, do not match dtype and shape, overlap, leave a hole or do not end with the file; a BOOL
/// element that is neither 0 nor 1.
StateDict load_safetensors(const std::string& path);

}  // namespace io
}  // namespace st
