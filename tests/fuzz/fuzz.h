// What the fuzz targets share. Each is a program of libFuzzer, made by the preset `fuzz` (scripts/fuzz NAME):
// it gives a reader arbitrary bytes, and only st::Error may come out.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace st::test {

/// A file in memory that holds the bytes of one run: its path serves readers that take paths.
class InputFile {
 public:
  InputFile() : file_(::memfd_create("input", MFD_CLOEXEC)), path_("/proc/self/fd/" + std::to_string(file_)) {
    if (file_ < 0) std::abort();
  }
  const std::string& hold(const uint8_t* bytes, size_t count) const {
    if (::ftruncate(file_, static_cast<off_t>(count)) != 0 ||
        ::pwrite(file_, bytes, count, 0) != static_cast<ssize_t>(count))
      std::abort();
    return path_;
  }

 private:
  int file_;
  std::string path_;
};

}  // namespace st::test
