// Bilinear resizing against torch.nn.functional.interpolate(mode="bilinear", align_corners=False).
#include "spiraltorch/vision/resize.h"

#include <gtest/gtest.h>

#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/temp_dir.h"

namespace st {
namespace {

using testing::error_of;
using vision::resize_bilinear;

void expect_near(const Tensor& x, const std::vector<double>& expected, double tolerance) {
  const auto values = x.to_vector<double>();
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i], tolerance) << i;
}

Tensor squares(const Shape& shape, DType dtype = DType::float32) {
  const Tensor x = reshape(arange(0, shape[0] * shape[1], 1, dtype), shape);
  return x * x;
}

// interpolate((torch.arange(6.).reshape(1, 1, 2, 3) ** 2), size=(3, 5), ...)
TEST(ResizeBilinear, GrowsAsPyTorch) {
  const std::vector<double> expected = {0, 0.4, 1, 2.8, 4, 4.5, 6.1, 8.5, 12.1, 14.5, 9, 11.8, 16, 21.4, 25};
  expect_near(resize_bilinear(squares({2, 3}), 3, 5), expected, 1e-5);
  expect_near(resize_bilinear(squares({2, 3}, DType::float64), 3, 5), expected, 1e-12);
  expect_near(resize_bilinear(squares({2, 3}, DType::bfloat16), 3, 5), expected, 0.1);
}

// interpolate((torch.arange(20.).reshape(1, 1, 4, 5) ** 2), size=(2, 3), ...)
TEST(ResizeBilinear, ShrinksAsPyTorch) {
  expect_near(resize_bilinear(squares({4, 5}, DType::float64), 2, 3),
              {14.5, 26.5, 44.5, 171.16666666666666, 216.5, 267.8333333333333}, 1e-10);
}

TEST(ResizeBilinear, KeepsLeadingDimensionsAndConstants) {
  const Tensor x = full({2, 3, 4, 1}, 1.5);
  const Tensor y = resize_bilinear(transpose(x, -1, -2), 7, 9);
  EXPECT_EQ(y.shape(), Shape({2, 3, 7, 9}));
  EXPECT_NEAR(y.min().item<float>(), 1.5, 1e-6);
  EXPECT_NEAR(y.max().item<float>(), 1.5, 1e-6);
  EXPECT_EQ(resize_bilinear(zeros({0, 2, 2}), 4, 4).shape(), Shape({0, 4, 4}));
  EXPECT_EQ(resize_bilinear(x, 4, 1).data<float>().data(), x.data<float>().data());
}

TEST(ResizeBilinear, Errors) {
  EXPECT_EQ(error_of<ShapeError>([] { resize_bilinear(zeros({3}), 2, 2); }),
            "resize_bilinear: x is (..., h, w), not (3,)");
  EXPECT_EQ(error_of<ShapeError>([] {
              resize_bilinear(zeros({3, 0}), 2, 2);
            }),
            "resize_bilinear: x of shape (3, 0) has no pixels");
  EXPECT_EQ(error_of<ValueError>([] {
              resize_bilinear(zeros({3, 3}), 2, 0);
            }),
            "resize_bilinear: the size is 2 x 0, expected at least 1 x 1");
  EXPECT_EQ(error_of<DTypeError>([] {
              resize_bilinear(zeros({3, 3}, DType::int64), 2, 2);
            }),
            "resize_bilinear: x is int64, expected a floating dtype");
  EXPECT_EQ(error_of<ValueError>([] { resize_bilinear(Tensor(), 2, 2); }), "resize_bilinear: x is undefined");
}

}  // namespace
}  // namespace st
