// check<E>(rule, text, values...): the one way in which the library refuses arguments.
// Each {} of the text is replaced by the next value; nothing is formatted unless the rule is broken.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "spiraltorch/core/error.h"

namespace [[gnu::visibility("default")]] st {

std::string to_text(bool value);
std::string to_text(int64_t value);
std::string to_text(uint64_t value);
std::string to_text(double value);
inline std::string to_text(std::string_view value) { return std::string(value); }
inline std::string to_text(const char* value) { return value; }
inline std::string to_text(const std::string& value) { return value; }
template <std::signed_integral I>
std::string to_text(I value) {
  return to_text(static_cast<int64_t>(value));
}
template <std::unsigned_integral I>
std::string to_text(I value) {
  return to_text(static_cast<uint64_t>(value));
}
inline std::string to_text(float value) { return to_text(static_cast<double>(value)); }

/// `pattern` with each {} replaced by the next of `values`.
std::string format_text(std::string_view pattern, std::initializer_list<std::string> values);

/// Throws E with the formatted text.
template <class E, class... A>
[[noreturn, gnu::cold]] void fail(std::string_view pattern, const A&... values) {
  throw E(format_text(pattern, {to_text(values)...}));
}

/// Throws E with the formatted text unless `rule` holds.
template <class E, class... A>
inline void check(bool rule, std::string_view pattern, const A&... values) {
  if (!rule) [[unlikely]]
    fail<E>(pattern, values...);
}

}  // namespace st
