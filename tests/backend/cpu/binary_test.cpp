// Runs long enough for the loops that prefetch and that write past the caches, at lengths that end in whole
// vectors and in parts of one: the result is that of short pieces, which the plain loop computes.
#include <gtest/gtest.h>

#include "spiraltorch/core/parallel.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/indexing.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/shape.h"

namespace st {
namespace {

TEST(LongRuns, EqualShortOnes) {
  constexpr int64_t kPiece = 1000;
  const int before = num_threads();
  for (DType dtype : {DType::float32, DType::float64}) {
    for (int64_t n : {1 << 18, (1 << 18) + 5, (1 << 19) + 13, (1 << 21) + 13}) {
      const Tensor x = randn({n}, dtype), y = randn({n}, dtype);
      for (int threads : {1, 2}) {
        set_num_threads(threads);
        const Tensor sum = x + y, power = exp(x), scaled = x.clone().mul_(3);
        for (int64_t at = 0; at < n; at += kPiece) {
          const int64_t length = std::min(kPiece, n - at);
          const auto piece = [&](const Tensor& t) { return t.narrow(0, at, length); };
          ASSERT_EQ(piece(sum).to_vector<double>(), (piece(x) + piece(y)).to_vector<double>());
          ASSERT_EQ(piece(power).to_vector<double>(), exp(piece(x)).to_vector<double>());
          ASSERT_EQ(piece(scaled).to_vector<double>(), (piece(x) * 3).to_vector<double>());
        }
      }
      set_num_threads(before);
    }
  }
}

}  // namespace
}  // namespace st
