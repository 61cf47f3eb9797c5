// Shapes and dtypes into a stream, as they stand in errors: std::cout << x.shape() << x.dtype().
#pragma once

#include <iosfwd>

#include "spiraltorch/core/dims.h"
#include "spiraltorch/core/dtype.h"

namespace [[gnu::visibility("default")]] st {

/// (2, 3), and (2,) for one dimension.
std::ostream& operator<<(std::ostream& os, const Dims& dims);
/// float32, int64, ...
std::ostream& operator<<(std::ostream& os, DType dtype);

}  // namespace st
