// Reads the bytes as an IDX file; every element that comes out is looked at.
#include "spiraltorch/core/error.h"
#include "spiraltorch/data/idx.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const st::test::InputFile file;
  try {
    const st::Tensor x = st::data::read_idx(file.hold(data, size));
    if (x.to_vector<double>().size() != static_cast<size_t>(x.numel())) std::abort();
  } catch (const st::Error&) {
  }
  return 0;
}
