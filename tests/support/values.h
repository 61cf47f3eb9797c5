// expect_values: a tensor against numbers that stand in the test.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "spiraltorch/tensor/tensor.h"

namespace st {

/// Each element of x, in row-major order, within tolerance * max(1, |expected|); NaN where NaN is expected.
/// 1e-6 is what literals of seven digits allow.
inline void expect_values(const Tensor& x, const std::vector<double>& expected, double tolerance = 1e-6) {
  const std::vector<double> got = x.to_vector<double>();
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(expected[i])) {
      EXPECT_TRUE(std::isnan(got[i])) << "element " << i << ": " << got[i];
    } else if (std::isinf(expected[i])) {
      EXPECT_EQ(got[i], expected[i]) << "element " << i;
    } else {
      EXPECT_NEAR(got[i], expected[i], tolerance * std::max(1.0, std::abs(expected[i]))) << "element " << i;
    }
  }
}

}  // namespace st
