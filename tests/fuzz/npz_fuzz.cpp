// Reads the bytes as an .npz archive. What stands in its entries is fuzzed by npy_fuzz.cpp: here their
// checksums are in the way.
#include "spiraltorch/io/npz.h"

#include "spiraltorch/core/error.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const st::test::InputFile file;
  try {
    for (const auto& [name, x] : st::io::load_npz(file.hold(data, size))) st::test::read_all(x);
  } catch (const st::Error&) {
  }
  return 0;
}
