// The build passes the project's version in, so that it stands in one place: CMakeLists.txt.
#include "spiraltorch/core/version.h"

namespace st {

const char* version() { return SPIRALTORCH_VERSION; }

}  // namespace st
