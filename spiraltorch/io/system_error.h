// How a failed system call becomes an IoError: the operation, what it could not do, the path, errno's words.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

#include "spiraltorch/core/check.h"

namespace st {
namespace io {

/// Throws e.g. "load_safetensors: cannot open /x/y: No such file or directory".
[[noreturn]] inline void fail_with_errno(const std::string& op, const char* what, const std::string& path,
                                         int error = errno) {
  fail<IoError>("{}: {} {}: {}", op, what, path, std::generic_category().message(error));
}

}  // namespace io
}  // namespace st
