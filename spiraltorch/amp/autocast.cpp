// AutocastGuard, and where the processor has its say.
#include "spiraltorch/amp/autocast.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "spiraltorch/amp/bfloat16.h"
#include "spiraltorch/backend/registry.h"
#include "spiraltorch/core/check.h"

namespace st::amp {
namespace {

Bfloat16 environment() {
  const char* const value = std::getenv("SPIRALTORCH_BF16");
  if (value == nullptr) return Bfloat16::processor;
  if (std::string_view(value) == "force") return Bfloat16::force;
  return std::string_view(value) == "off" ? Bfloat16::off : Bfloat16::processor;
}

std::atomic<Bfloat16>& policy() {
  static std::atomic<Bfloat16> chosen = environment();
  return chosen;
}

std::optional<DType> mode_for(bool enabled, DType dtype) {
  if (!enabled) return std::nullopt;
  check<DTypeError>(
      dtype != DType::float16,
      "AutocastGuard: products of float16 are not computed on the CPU: gradients overflow its range, and "
      "few processors have instructions for it; use bfloat16");
  check<DTypeError>(dtype == DType::bfloat16, "AutocastGuard: dtype must be bfloat16, got {}", dtype);
  if (bfloat16_available()) return dtype;
  static std::atomic<bool> said = false;
  if (!said.exchange(true)) {
    std::fputs(
        "spiraltorch: this processor has no instructions for bfloat16 (AVX-512 BF16 or AMX): autocast "
        "computes in float32\n",
        stderr);
  }
  return std::nullopt;
}

}  // namespace

Bfloat16 bfloat16_policy() { return policy().load(); }
void set_bfloat16_policy(Bfloat16 value) { policy().store(value); }

bool bfloat16_available() {
  const Bfloat16 chosen = bfloat16_policy();
  if (chosen == Bfloat16::processor) return backend(Device::cpu).has_instructions_for(DType::bfloat16);
  return chosen == Bfloat16::force;
}

AutocastGuard::AutocastGuard(bool enabled, DType dtype) : mode_(mode_for(enabled, dtype)) {}

}  // namespace st::amp
