// AutocastGuard: products in 16 bits.
#pragma once

#include "spiraltorch/core/modes.h"

namespace [[gnu::visibility("default")]] st {
namespace amp {

/// {
///   AutocastGuard guard(true);            // on this thread, until the brace
///   loss = cross_entropy(net(x), y);      // backward comes outside
/// }
///
/// Inside, matmul, linear, convolutions and LSTM bring their float32 operands to bfloat16, accumulate in
/// float32 and return bfloat16. Losses, and prod, bring bfloat16 operands to float32. Everything else
/// computes in its inputs' dtype: norms and reductions of bfloat16 in float32 or better inside, elementwise
/// functions element by element. float64 and integers are left alone. The cast of a weight is made once
/// after every write to it. Gradients arrive in the dtype of what they belong to, so those of float32 weights
/// in float32; backward computes in the dtypes that forward chose, wherever it is called.
///
/// Guards nest and restore what was before; one that is not enabled switches autocast off inside it.
///
/// On a processor without instructions for bfloat16 nothing would be gained: the guard says so once on the
/// standard error and leaves everything in float32. SPIRALTORCH_BF16=force in the environment computes in
/// bfloat16 all the same, emulated; SPIRALTORCH_BF16=off behaves as if there were no such instructions.
/// Throws DTypeError for float16, which no processor's library here computes products of, and for any other
/// dtype. Source: torch.autocast("cpu").
class AutocastGuard {
 public:
  explicit AutocastGuard(bool enabled = true, DType dtype = DType::bfloat16);

 private:
  AutocastMode mode_;
};

/// Whether an AutocastGuard computes in bfloat16 here: what the processor, or SPIRALTORCH_BF16, says.
bool bfloat16_available();

}  // namespace amp
}  // namespace st
