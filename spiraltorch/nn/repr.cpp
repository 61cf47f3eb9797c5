// Numbers as Python prints them.
#include "spiraltorch/nn/repr.h"

#include <fmt/format.h>

namespace st::nn {

std::string python_repr(double value) {
  std::string text = fmt::format("{}", value);
  // "1" lacks what tells a float from an integer; "inf", "nan" and "1e+16" do not.
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

}  // namespace st::nn
