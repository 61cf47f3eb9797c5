// For tests of autocast: bfloat16 whatever the processor has, and how far a 16-bit result is from what it
// should be.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "spiraltorch/amp/bfloat16.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/tensor/tensor.h"

namespace st::test {

/// bfloat16 is forced: it is emulated where the processor lacks it.
class ForcedBfloat16 : public ::testing::Test {
 protected:
  ForcedBfloat16() { amp::set_bfloat16_policy(amp::Bfloat16::force); }
  ~ForcedBfloat16() override { amp::set_bfloat16_policy(before_); }

 private:
  const amp::Bfloat16 before_ = amp::bfloat16_policy();
};

inline Tensor rounded_to_16_bits(const Tensor& x) { return to(to(x, DType::bfloat16), DType::float64); }

/// The largest difference of y from what is exact, in steps of bfloat16.
inline double steps_apart(const Tensor& y, const Tensor& exact) {
  const auto a = y.to_vector<double>(), b = exact.to_vector<double>();
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double step = std::ldexp(1.0, std::ilogb(std::abs(b[i]) + 1e-30) - 7);
    most = std::max(most, std::abs(a[i] - b[i]) / step);
  }
  return most;
}

}  // namespace st::test
