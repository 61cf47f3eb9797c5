// What the fuzz targets share. Each is a program of libFuzzer, made by the preset `fuzz` (scripts/fuzz NAME):
// it gives a reader arbitrary bytes, and only st::Error may come out.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>

#include "spiraltorch/tensor/tensor.h"

namespace st::test {

/// The memory of a contiguous tensor.
inline std::span<const uint8_t> bytes_of(const Tensor& x) {
  return {static_cast<const uint8_t*>(x.in().data), static_cast<size_t>(x.numel()) * item_size(x.dtype())};
}

/// Reads every byte of a contiguous tensor: AddressSanitizer sees those that are not the reader's to give.
inline void read_all(const Tensor& x) {
  [[maybe_unused]] static volatile uint8_t result;
  uint8_t mixed = 0;
  for (const uint8_t byte : bytes_of(x)) mixed ^= byte;
  result = mixed;
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         (a.numel() == 0 || std::memcmp(a.in().data, b.in().data, bytes_of(a).size()) == 0);
}

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
