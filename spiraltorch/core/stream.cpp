// Writes what to_text says.
#include "spiraltorch/core/stream.h"

#include <ostream>

namespace st {

std::ostream& operator<<(std::ostream& os, const Dims& dims) { return os << to_text(dims); }
std::ostream& operator<<(std::ostream& os, DType dtype) { return os << to_text(dtype); }

}  // namespace st
