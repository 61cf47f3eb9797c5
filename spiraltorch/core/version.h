// The version of the library that is linked, as text.
#pragma once

namespace [[gnu::visibility("default")]] st {

/// "major.minor.patch" of the library that runs, which need not be the one whose headers were compiled.
const char* version();

}  // namespace st
