// message<E>(f): the text of what f throws, for tests of errors.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace st {

/// What `f` throws as an E, or a text that says that it did not.
template <class E, class F>
std::string message(F&& f) {
  try {
    std::forward<F>(f)();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("an error of another type: ") + error.what();
  }
  return "no error";
}

}  // namespace st
