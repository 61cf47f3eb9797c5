// Images in PNG files.
#pragma once

#include <string>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {
namespace io {

/// Writes image as a PNG file, whole or not at all.   image: uint8, (H, W) or (H, W, 1) grey, (H, W, 3) RGB,
/// (H, W, 4) RGBA. Throws ShapeError or DTypeError for others, IoError with path and reason.
void save_png(const std::string& path, const Tensor& image);

struct LoadPngOptions {
  /// 1, 3 or 4 converts to grey, RGB or RGBA; 0 keeps what the file has, colour tables and 16 bits converted.
  int channels = 0;
};

/// The pixels of a PNG file, uint8 (H, W, C). Throws IoError with path and reason for a file that cannot be
/// read, is none or is damaged; ValueError for other numbers of channels.
Tensor load_png(const std::string& path, const LoadPngOptions& options = {});

}  // namespace io
}  // namespace st
