// Numbers as Python prints them, for the text that modules print.
#pragma once

#include <string>

namespace st::nn {

/// "True", "False"
inline std::string python_repr(bool value) { return value ? "True" : "False"; }
/// "0.1", "1e-05", "1.0", "inf"
std::string python_repr(double value);

}  // namespace st::nn
