// What every loss does at its end, and asks of its options at its beginning.
#pragma once

#include "spiraltorch/core/check.h"
#include "spiraltorch/ops/loss.h"
#include "spiraltorch/ops/reduce.h"

namespace st {

inline void check_reduction(const char* op, Reduction reduction) {
  check<ValueError>(reduction != Reduction::batchmean, "{}: batchmean is a reduction of kl_div alone", op);
}

inline Tensor apply_reduction(const Tensor& losses, Reduction reduction) {
  if (reduction == Reduction::none) return losses;
  return reduction == Reduction::mean ? mean(losses) : sum(losses);
}

}  // namespace st
