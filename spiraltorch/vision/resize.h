// Bilinear resizing of maps and images, as a product with two small matrices.
#pragma once

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {
namespace vision {

/// The last two dimensions of x at another size, by bilinear interpolation between pixel centres, without
/// smoothing when it shrinks.   x: (..., h, w), floating   result: (..., height, width), of x's dtype
/// y[i, j] reads x at ((i + 1/2) h / height - 1/2, (j + 1/2) w / width - 1/2), held inside the image.
/// Throws ShapeError for an x of fewer than 2 dimensions or without pixels, ValueError for a size below 1,
/// DTypeError for integers. Source: torch.nn.functional.interpolate(mode="bilinear", align_corners=False).
Tensor resize_bilinear(const Tensor& x, int64_t height, int64_t width);

}  // namespace vision
}  // namespace st
