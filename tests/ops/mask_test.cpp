// masked_fill_: the writing form, which the case table does not see.
#include <gtest/gtest.h>

#include "spiraltorch/core/modes.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/inplace.h"
#include "spiraltorch/ops/mask.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"

namespace st {
namespace {

using Floats = std::vector<float>;

TEST(MaskedFill, Writes) {
  const Tensor x = tensor({{1, 2, 3}, {4, 5, 6}}, DType::float32);
  const uint64_t version = x.version();
  masked_fill_(x, tensor({true, false, true}), -1);
  EXPECT_EQ(x.to_vector<float>(), (Floats{-1, 2, -1, -1, 5, -1}));
  EXPECT_GT(x.version(), version);
  masked_fill_(t(x), t(x) > 1, tensor(0.5, DType::float64));
  EXPECT_EQ(x.to_vector<float>(), (Floats{-1, 0.5, -1, -1, 0.5, -1}));
}

TEST(MaskedFill, ReadsAMaskInItsOwnMemoryFirst) {
  const int64_t n = 2000;  // more than one block of the kernel
  const Tensor x = ones({n}, DType::bool_);
  masked_fill_(narrow(x, 0, 1, n - 1), narrow(x, 0, 0, n - 1), false);
  EXPECT_EQ(sum(x).item<int64_t>(), 1);
}

TEST(MaskedFill, RefusesToWrite) {
  const Tensor x = ones({2}), mask = tensor({true, false});
  EXPECT_THROW(masked_fill_(x, ones({3, 2}) > 0, 1), ShapeError);
  EXPECT_THROW(masked_fill_(expand(ones({1}), {2}), mask, 1), ValueError);
  EXPECT_THROW(masked_fill_(x, mask, tensor(1.0).requires_grad_()), ValueError);
  x.requires_grad_();
  EXPECT_THROW(masked_fill_(x, mask, 1), ValueError);
  const NoGradGuard no_grad;
  masked_fill_(x, mask, 3);
  EXPECT_EQ(x.to_vector<float>(), (Floats{3, 1}));
}

}  // namespace
}  // namespace st
