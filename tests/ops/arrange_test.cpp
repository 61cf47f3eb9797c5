// flip, roll and repeat beyond the case table: many elements, every size of element, views, and sizes that
// cannot be counted.
#include "spiraltorch/ops/arrange.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/join.h"
#include "spiraltorch/ops/shape.h"

namespace st {
namespace {

// 0, 1, 2, ... of this shape, so far as the dtype goes; a view whose memory is transposed.
Tensor numbered(int64_t rows, int64_t columns, DType dtype) {
  const Tensor x = reshape(arange(rows * columns), {columns, rows}).t();
  return to(x, dtype);
}

TEST(Arrange, ManyElementsOfEveryType) {
  constexpr int64_t kRows = 1001, kColumns = 257;
  for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::float16, DType::int64,
                            DType::int32, DType::uint8, DType::bool_}) {
    SCOPED_TRACE(to_text(dtype));
    const Tensor x = numbered(kRows, kColumns, dtype);
    const std::vector<double> before = x.to_vector<double>();
    const auto expect = [&](const Tensor& y, const auto& from) {
      const std::vector<double> after = y.to_vector<double>();
      for (int64_t i = 0; i < kRows; ++i) {
        for (int64_t j = 0; j < kColumns; ++j) {
          const auto [row, column] = from(i, j);
          ASSERT_EQ(after[static_cast<size_t>(i * kColumns + j)],
                    before[static_cast<size_t>(row * kColumns + column)])
              << i << ", " << j;
        }
      }
    };
    using Place = std::pair<int64_t, int64_t>;
    expect(flip(x, {0, 1}), [](int64_t i, int64_t j) { return Place(kRows - 1 - i, kColumns - 1 - j); });
    expect(flip(x, {-1}), [](int64_t i, int64_t j) { return Place(i, kColumns - 1 - j); });
    expect(roll(x, {-3, 1000}, {0, 1}), [](int64_t i, int64_t j) {
      return Place((i + 3) % kRows, (j + 1000 * kColumns - 1000) % kColumns);
    });
    EXPECT_TRUE(equal(repeat(x, {2, 3}), cat({cat({x, x, x}, 1), cat({x, x, x}, 1)}, 0)));
  }
}

TEST(Arrange, ShiftsAndSizesOfAnySize) {
  const Tensor x = arange(5);
  for (const int64_t shift : {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
    EXPECT_TRUE(equal(roll(x, {shift}, {0}), roll(x, {shift % 5}, {0}))) << shift;
  }
  EXPECT_THROW(repeat(x, {int64_t{1} << 62}), ShapeError);
  EXPECT_THROW(repeat(x, {int64_t{1} << 31, int64_t{1} << 31}), ShapeError);
  EXPECT_THROW(repeat_interleave(x, int64_t{1} << 62), ShapeError);
}

// A copy even where nothing moves: a write to it is not one to x.
TEST(Arrange, ResultsAreApart) {
  const Tensor x = arange(6);
  for (const Tensor& y : {flip(x, {}), roll(x, {0}, {0}), repeat(x, {1}), repeat_interleave(x, 1)}) {
    EXPECT_TRUE(equal(y, x));
    EXPECT_NE(y.storage(), x.storage());
  }
}

}  // namespace
}  // namespace st
