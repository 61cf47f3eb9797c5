// Reads the bytes as the config.json of a run.
#include "apps/spiraltorch/config.h"
#include "spiraltorch/core/error.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const tool::Config config =
        tool::parse_config("config.json", std::string(reinterpret_cast<const char*>(data), size));
    if (config.batch < 1 || config.classes < 1 || !(config.deviation > 0) || !(config.curvature < 0) ||
        config.warmup < 0)
      std::abort();
  } catch (const st::Error&) {
  }
  return 0;
}
