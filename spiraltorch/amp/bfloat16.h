// Whether autocast computes in bfloat16: asked of the processor, or decided by SPIRALTORCH_BF16.
#pragma once

namespace st::amp {

enum class Bfloat16 {
  processor,  // where it has instructions for it
  force,      // everywhere: oneDNN emulates, or our own loops serve
  off
};

/// What SPIRALTORCH_BF16 says (force, off; anything else means the processor decides), read once, or what was
/// set last.
Bfloat16 bfloat16_policy();
void set_bfloat16_policy(Bfloat16 policy);  // for tests and benchmarks

}  // namespace st::amp
