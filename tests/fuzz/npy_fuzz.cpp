// Reads the bytes as an array of NumPy; what comes out, written down, is read as the same.
#include "spiraltorch/core/error.h"
#include "spiraltorch/io/npy.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  st::Tensor x;
  try {
    x = st::io::parse_npy("npy", std::as_bytes(std::span(data, size)));
  } catch (const st::Error&) {
    return 0;
  }
  std::string written = st::io::npy_header(x);
  for (const uint8_t byte : st::test::bytes_of(x)) written += static_cast<char>(byte);
  if (!st::test::same_bits(x, st::io::parse_npy("npy", std::as_bytes(std::span(written))))) std::abort();
  return 0;
}
