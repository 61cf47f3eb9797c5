// Paddings by name.
#include "spiraltorch/core/pair.h"

#include <string_view>

#include "spiraltorch/core/check.h"

namespace st {

Padding::Padding(const char* name) : sizes_(0) {
  const std::string_view text = name ? name : "";
  check<ValueError>(text == "same" || text == "valid",
                    "padding is \"{}\", expected a number, a pair, \"same\" or \"valid\"", text);
  same_ = text == "same";
}

}  // namespace st
