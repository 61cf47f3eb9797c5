// scaled_dot_product_attention beyond the case table: each of its ways to hide a key gives what the others
// do, and a query that sees none gives zeros.
#include "spiraltorch/ops/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/core/random.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/mask.h"
#include "spiraltorch/ops/matmul.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/ops/softmax.h"

namespace st {
namespace {

constexpr int64_t kQueries = 5, kKeys = 7;

struct Inputs {
  Tensor q = randn({2, 3, kQueries, 4}, DType::float64), k = randn({2, 3, kKeys, 4}, DType::float64),
         v = randn({2, 3, kKeys, 6}, DType::float64);
};

double largest(const Tensor& x) { return max(abs(x)).item<double>(); }

// 1e-14: products of four numbers near 1 in float64, in another order.
TEST(Attention, EveryMaskIsTheSameMask) {
  manual_seed(5);
  const Inputs in;
  const Tensor seen = tril(ones({kQueries, kKeys}, DType::bool_));
  const Tensor causal = scaled_dot_product_attention(in.q, in.k, in.v, {.is_causal = true});
  const Tensor added =
      masked_fill(zeros({kQueries, kKeys}, DType::float64), ~seen, -std::numeric_limits<double>::infinity());
  const Tensor scores = matmul(in.q, transpose(in.k, -2, -1)) / 2.0 + added;
  const Tensor expected = matmul(softmax(scores, -1), in.v);
  EXPECT_LT(largest(causal - expected), 1e-14);
  EXPECT_LT(largest(scaled_dot_product_attention(in.q, in.k, in.v, {.attn_mask = seen}) - expected), 1e-14);
  EXPECT_LT(largest(scaled_dot_product_attention(in.q, in.k, in.v, {.attn_mask = added}) - expected), 1e-14);
  EXPECT_GT(largest(scaled_dot_product_attention(in.q, in.k, in.v) - expected), 0.1) << "a mask that is seen";
  // the first query sees the first key alone
  EXPECT_LT(largest(select(causal, 2, 0) - select(in.v, 2, 0)), 1e-14);
}

TEST(Attention, AQueryThatSeesNoKeyGivesZeros) {
  manual_seed(6);
  Inputs in;
  for (Tensor* x : {&in.q, &in.k, &in.v}) x->requires_grad_();
  const Tensor seen = ones({kQueries, kKeys}, DType::bool_);
  select(seen, 0, 2).fill_(false);
  const Tensor y = scaled_dot_product_attention(in.q, in.k, in.v, {.attn_mask = seen});
  EXPECT_EQ(largest(select(y, 2, 2)), 0);
  EXPECT_GT(largest(select(y, 2, 3)), 0);
  for (const Tensor& g : grad({sum(y)}, {in.q, in.k, in.v})) {
    EXPECT_TRUE(all(isfinite(g)).item<bool>());
  }
  EXPECT_EQ(
      largest(select(
          grad({sum(scaled_dot_product_attention(in.q, in.k, in.v, {.attn_mask = seen}))}, {in.q})[0], 2, 2)),
      0);
}

}  // namespace
}  // namespace st
