// Loads the bytes as a .safetensors file, and saves what was loaded: it must load again as the same.
#include "spiraltorch/io/safetensors.h"

#include "spiraltorch/core/error.h"
#include "tests/fuzz/fuzz.h"

namespace {

void expect_same(const st::StateDict& a, const st::StateDict& b) {
  if (a.size() != b.size() || a.metadata != b.metadata) std::abort();
  for (const auto& [name, value] : a) {
    if (!st::test::same_bits(value, b.at(name))) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const st::test::InputFile file;
  st::StateDict state;
  try {
    state = st::io::load_safetensors(file.hold(data, size));
  } catch (const st::Error&) {
    return 0;
  }
  for (const auto& [name, value] : state) st::test::read_all(value);
  // One in sixteen: what a save costs is many times a load.
  if (size % 16 == 0) {
    static const std::string saved = "/tmp/spiraltorch-fuzz-" + std::to_string(::getpid());
    st::io::save_safetensors(saved, state);
    expect_same(state, st::io::load_safetensors(saved));
    ::unlink(saved.c_str());
  }
  return 0;
}
