// Where the rows of hyperbolic kernels lie: merged and broadcast leading dimensions, from any row on.
#include "spiraltorch/backend/cpu/hyperbolic_rows.h"

#include <gtest/gtest.h>

#include <vector>

namespace st::cpu {
namespace {

std::vector<int64_t> offsets(const Dims& sizes, const Dims& strides, int64_t begin, int64_t count) {
  const In x{nullptr, DType::float32, &sizes, &strides, nullptr};
  std::vector<int64_t> result(static_cast<size_t>(count));
  RowOffsets(x).fill(begin, count, result.data());
  return result;
}

TEST(RowOffsets, EqualsTheOdometer) {
  const Dims sizes{3, 1, 2, 4, 5};
  for (const Dims& strides : {Dims{40, 40, 20, 5, 1}, Dims{0, 7, 20, 5, 1}, Dims{40, 0, 0, 5, 1},
                              Dims{5, 0, 60, 15, 1}, Dims{0, 0, 0, 0, 1}, Dims{100, 3, 50, 0, 1}}) {
    std::vector<int64_t> expected;
    for (int64_t a = 0; a < 3; ++a) {
      for (int64_t c = 0; c < 2; ++c) {
        for (int64_t d = 0; d < 4; ++d) expected.push_back(a * strides[0] + c * strides[2] + d * strides[3]);
      }
    }
    EXPECT_EQ(offsets(sizes, strides, 0, 24), expected);
    for (int64_t begin = 0; begin < 24; ++begin) {
      const std::vector<int64_t> part(expected.begin() + begin, expected.end());
      EXPECT_EQ(offsets(sizes, strides, begin, 24 - begin), part);
    }
  }
}

TEST(RowOffsets, MergesWhatRunsOn) {
  const Dims sizes{3, 2, 4, 5}, dense{40, 20, 5, 1}, padded{48, 24, 6, 1}, none{0, 0, 0, 1},
      apart{100, 20, 5, 1};
  const auto stride = [&](const Dims& strides) {
    return RowOffsets({nullptr, DType::float32, &sizes, &strides, nullptr}).stride();
  };
  EXPECT_EQ(stride(dense), 5);
  EXPECT_EQ(stride(padded), 6);
  EXPECT_EQ(stride(none), 0);
  EXPECT_EQ(stride(apart), -1);
}

}  // namespace
}  // namespace st::cpu
