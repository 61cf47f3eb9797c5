// Compares a result with the truth, with PyTorch's own result beside it, and says where and by how much it is
// off.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "spiraltorch/tensor/tensor.h"
#include "tests/support/reference.h"

namespace st::test {

struct Expected {
  Tensor truth;          // PyTorch's float64 result, or its only one where the case has no float inputs
  Tensor own = {};       // PyTorch's result in the dtype that is tested; undefined: the truth
  Tensor absolute = {};  // the op on absolute values, for that scale
};

/// Equal shapes, dtype as `own`; integers and bool equal; floats within max(2 |own - truth|, k eps scale),
/// where eps belongs to the dtype (float64: `float64` in place of k eps, and exact when k is 0). Where
/// PyTorch's own element is not finite it must be the same: NaN, or the same infinity.
testing::AssertionResult matches(const Tensor& actual, const Expected& expected, const Tolerance& tolerance,
                                 double float64);

}  // namespace st::test
