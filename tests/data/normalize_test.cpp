// Normalize: torchvision's numbers, channels, and what it refuses.
#include "spiraltorch/data/normalize.h"

#include <gtest/gtest.h>

#include <limits>

#include "spiraltorch/core/error.h"
#include "spiraltorch/ops/creation.h"
#include "tests/support/temp_dir.h"

namespace st {
namespace {

using data::Normalize;
using testing::error_of;

TEST(Normalize, EveryChannelByItsOwn) {
  const Tensor x = empty({2, 3, 1, 2});
  for (size_t i = 0; i < 12; ++i) x.mutable_data<float>()[i] = static_cast<float>(i) / 11;
  // x = torch.arange(12).float().div(11).reshape(2, 3, 1, 2); m, s = (torch.tensor(v).view(3, 1, 1) for v in
  // ([.485, .456, .406], [.229, .224, .225])); (x - m).div(s).flatten().tolist()
  const float expected[] = {-2.11790395f,  -1.72092104f, -1.22402596f, -0.818181753f,
                            -0.188282728f, 0.215757698f, 0.263993651f, 0.66097647f,
                            1.21103907f,   1.61688304f,  2.23596001f,  2.6400001f};
  const Tensor y = Normalize({.485, .456, .406}, {.229, .224, .225})(x);
  EXPECT_EQ(y.shape(), x.shape());
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(y.data<float>()[i], expected[i]) << i;
  EXPECT_EQ(x.data<float>()[11], 1.f);  // its argument stays
}

TEST(Normalize, OneValueForAllChannels) {
  const Tensor x = empty({2, 1, 2});
  for (size_t i = 0; i < 4; ++i) x.mutable_data<float>()[i] = static_cast<float>(i) / 3;
  // (torch.arange(4).float().div(3) - torch.tensor(.1307)).div(torch.tensor(.3081)).tolist()
  const float expected[] = {-0.424212962f, 0.657686949f, 1.73958683f, 2.82148671f};
  const Tensor y = Normalize(.1307, .3081)(x);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(y.data<float>()[i], expected[i]) << i;
}

TEST(Normalize, RefusesWhatMakesNoSense) {
  EXPECT_EQ(error_of<ValueError>([] { Normalize(std::vector<double>{}, {}); }),
            "Normalize: mean and std need one value a channel, they have 0 and 0");
  EXPECT_EQ(error_of<ValueError>([] {
              Normalize({.1, .2}, {.1, .2, .3});
            }),
            "Normalize: mean and std need one value a channel, they have 2 and 3");
  EXPECT_EQ(error_of<ValueError>([] {
              Normalize({.1, .2}, {.1, 0});
            }),
            "Normalize: std of channel 1 is 0, a finite number above 0 is needed");
  EXPECT_EQ(error_of<ValueError>([] { Normalize(std::numeric_limits<double>::infinity(), 1); }),
            "Normalize: mean of channel 0 is inf, which is not finite");
  EXPECT_EQ(error_of<DTypeError>([] {
              Normalize(0, 1)(empty({1, 2, 2}, DType::uint8));
            }),
            "Normalize: x is uint8, a floating type is needed");
  EXPECT_EQ(error_of<ShapeError>([] {
              Normalize({0, 0}, {1, 1})(empty({3, 2, 2}));
            }),
            "Normalize: x of shape (3, 2, 2) is no (..., C, H, W) with 2 channels");
  EXPECT_EQ(error_of<ShapeError>([] {
              Normalize(0, 1)(empty({2, 2}));
            }),
            "Normalize: x of shape (2, 2) is no (..., C, H, W) with 1 channels");
}

}  // namespace
}  // namespace st
