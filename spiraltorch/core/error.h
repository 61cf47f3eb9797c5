// The errors that SpiralTorch throws. Each text names the op, the rule and the values:
// "linear: last dimension of x is 5, weight expects 4 (x: (2, 5), weight: (3, 4))".
// What the check of arguments refuses has changed nothing: a caller can go on after any of them.
#pragma once

#include <stdexcept>

namespace [[gnu::visibility("default")]] st {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Sizes or numbers of dimensions that do not fit together.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// An element type that the operation does not take.
class DTypeError : public Error {
 public:
  using Error::Error;
};

/// A value outside of what the argument allows, or a call at the wrong time.
class ValueError : public Error {
 public:
  using Error::Error;
};

/// An index or a dimension out of range.
class IndexError : public Error {
 public:
  using Error::Error;
};

/// A file that cannot be read or written, or that is malformed.
class IoError : public Error {
 public:
  using Error::Error;
};

}  // namespace st
