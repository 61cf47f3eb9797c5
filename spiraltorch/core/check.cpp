// Values as text, for errors.
#include "spiraltorch/core/check.h"

#include <array>
#include <charconv>

namespace st {

std::string to_text(bool value) { return value ? "true" : "false"; }

std::string to_text(int64_t value) { return std::to_string(value); }

std::string to_text(uint64_t value) { return std::to_string(value); }

std::string to_text(double value) {
  std::array<char, 32>
      buffer;  // the shortest text that reads back as the same double has at most 24 characters
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), end};
}

std::string format_text(std::string_view pattern, std::initializer_list<std::string> values) {
  std::string text;
  auto value = values.begin();
  for (size_t at = 0; at < pattern.size(); ++at) {
    if (pattern.substr(at, 2) == "{}" && value != values.end()) {
      text += *value++;
      ++at;
    } else {
      text += pattern[at];
    }
  }
  return text;
}

}  // namespace st
