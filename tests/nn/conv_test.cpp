// The layers of convolution and pooling: initial values, PyTorch's text, keys, copies, what is refused. What
// they compute is tested in ops/.
#include "spiraltorch/nn/conv.h"

#include <gtest/gtest.h>

#include <cstring>

#include "spiraltorch/spiraltorch.h"
#include "tests/support/message.h"

namespace st::nn {
namespace {

uint64_t fnv1a(const Tensor& x) {
  uint64_t value = 0xCBF29CE484222325;
  for (const float element : x.data<float>()) {
    unsigned char bytes[4];
    std::memcpy(bytes, &element, 4);
    for (const unsigned char byte : bytes) value = (value ^ byte) * 0x100000001B3;
  }
  return value;
}

template <class L>
void expect_values(const L& layer, uint64_t weight, uint64_t bias) {
  EXPECT_EQ(fnv1a(layer.weight), weight);
  EXPECT_EQ(fnv1a(layer.bias), bias);
}

// Hashes as those of tests/reference/nn_reference.py, after torch.manual_seed(0).
TEST(Conv, InitialValuesArePyTorchs) {
  manual_seed(0);
  expect_values(Conv2d("", 3, 8, {3, 2}, {.stride = 2, .padding = 1}), 0x06dca3dec4169b75,
                0x0edc7ea890b38ea4);
  manual_seed(0);
  expect_values(Conv2d("", 1, 32, 3), 0xbcbc2ef38cb3c4f5, 0xf1b775fee1b13f90);
  manual_seed(0);
  expect_values(Conv2d("", 8, 12, 5, {.groups = 4}), 0xc1a2ce3ab7cf24ce, 0x3733639b936ffde2);
  manual_seed(0);
  expect_values(Conv1d("", 4, 6, 3, {.groups = 2}), 0xd6279688394982cc, 0xaaa5a50bcb81fcdb);
}

TEST(Conv, PrintsAsPyTorch) {
  EXPECT_EQ(Conv2d("", 3, 8, {3, 2}, {.stride = 2, .padding = 1}).extra_repr(),
            "3, 8, kernel_size=(3, 2), stride=(2, 2), padding=(1, 1)");
  EXPECT_EQ(
      Conv2d("", 2, 4, 3, {.padding = "same", .dilation = {1, 2}, .groups = 2, .bias = false}).extra_repr(),
      "2, 4, kernel_size=(3, 3), stride=(1, 1), padding=same, dilation=(1, 2), groups=2, bias=False");
  EXPECT_EQ(Conv1d("", 4, 6, 3, {.groups = 2}).extra_repr(), "4, 6, kernel_size=(3,), stride=(1,), groups=2");
  EXPECT_EQ(Conv1d("", 4, 6, 3, {.padding = 1, .bias = false, .padding_mode = PadMode::reflect}).extra_repr(),
            "4, 6, kernel_size=(3,), stride=(1,), padding=(1,), bias=False, padding_mode=reflect");
  EXPECT_EQ(MaxPool2d({3, 2}, {.stride = 2, .padding = 1}).extra_repr(),
            "kernel_size=(3, 2), stride=2, padding=1, dilation=1, ceil_mode=False");
  EXPECT_EQ(MaxPool1d(3, {.stride = 2, .padding = 1}).extra_repr(),
            "kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False");
  EXPECT_EQ(AvgPool2d(2).extra_repr(), "kernel_size=2, stride=2, padding=0");
  EXPECT_EQ(AvgPool1d(2).extra_repr(), "kernel_size=(2,), stride=(2,), padding=(0,)");
  EXPECT_EQ(AdaptiveAvgPool2d({2, -1}).extra_repr(), "output_size=(2, None)");
  EXPECT_EQ(AdaptiveAvgPool1d(3).extra_repr(), "output_size=3");
}

TEST(Conv, LayersPassTheirOptionsOn) {
  const Tensor x = randn({2, 4, 9, 8}), line = randn({2, 4, 9});
  const Conv2d square("", 4, 6, {3, 2},
                      {.stride = {2, 1}, .padding = {1, 0}, .dilation = {1, 2}, .groups = 2});
  Conv2d layer = square;
  EXPECT_TRUE(equal(layer(x), conv2d(x, square.weight, square.bias, {{2, 1}, {1, 0}, {1, 2}, 2})));
  Conv1d flat("", 4, 6, 3, {.stride = 2, .padding = 1, .dilation = 2, .groups = 2});
  EXPECT_TRUE(equal(flat(line), conv1d(line, flat.weight, flat.bias, {2, 1, 2, 2})));
  EXPECT_TRUE(equal(MaxPool2d(3, {.stride = 2, .padding = 1, .ceil_mode = true})(x),
                    max_pool2d(x, 3, {.stride = 2, .padding = 1, .ceil_mode = true})));
  EXPECT_TRUE(equal(MaxPool1d(3, {.dilation = 2})(line), max_pool1d(line, 3, {.dilation = 2})));
  EXPECT_TRUE(equal(AvgPool2d(3, {.padding = 1, .count_include_pad = false, .divisor_override = 5})(x),
                    avg_pool2d(x, 3, {.padding = 1, .count_include_pad = false, .divisor_override = 5})));
  EXPECT_TRUE(equal(AvgPool1d(3, {.stride = 1})(line), avg_pool1d(line, 3, {.stride = 1})));
  EXPECT_TRUE(equal(AdaptiveAvgPool2d({2, -1})(x), adaptive_avg_pool2d(x, {2, 8})));
  EXPECT_TRUE(equal(AdaptiveAvgPool1d(4)(line), adaptive_avg_pool1d(line, 4)));
}

// {left, right, top, bottom} as PyTorch's _reversed_padding_repeated_twice; of "same", the larger half is
// after.
TEST(Conv, PaddingModes) {
  const Tensor x = randn({2, 4, 9, 8}), line = randn({2, 4, 9});
  for (const PadMode mode : {PadMode::reflect, PadMode::replicate, PadMode::circular}) {
    Conv2d layer("", 4, 6, {3, 2}, {.stride = {2, 1}, .padding = {2, 1}, .groups = 2, .padding_mode = mode});
    EXPECT_TRUE(
        equal(layer(x), conv2d(pad(x, {1, 1, 2, 2}, mode), layer.weight, layer.bias, {{2, 1}, 0, 1, 2})));
    Conv2d same("", 4, 6, {4, 3}, {.padding = "same", .dilation = {1, 2}, .padding_mode = mode});
    EXPECT_EQ(same(x).shape(), (Shape{2, 6, 9, 8}));
    EXPECT_TRUE(equal(same(x), conv2d(pad(x, {2, 2, 1, 2}, mode), same.weight, same.bias, {1, 0, {1, 2}})));
    Conv1d flat("", 4, 6, 4, {.padding = "same", .padding_mode = mode});
    EXPECT_TRUE(equal(flat(line), conv1d(pad(line, {1, 2}, mode), flat.weight, flat.bias)));
  }
}

TEST(Conv, StateAndCopies) {
  Sequential net{Conv2d("conv1", 1, 4, 3, {.padding = 1}), BatchNorm2d("bn1", 4), ReLU(), MaxPool2d(2)};
  std::vector<std::string> keys;
  for (const auto& [key, value] : net.state_dict()) keys.push_back(key);
  EXPECT_EQ(keys,
            (std::vector<std::string>{"conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias",
                                      "bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked"}));
  Sequential copy = net;
  const Tensor x = randn({2, 1, 6, 6});
  const Tensor y = net(x);
  EXPECT_TRUE(equal(copy(x), y));
  copy.parameters()[0].detach().mul_(2);
  EXPECT_FALSE(equal(copy.parameters()[0], net.parameters()[0]));
}

TEST(BatchNorm2d, TakesImagesAlone) {
  BatchNorm2d bn("", 3);
  EXPECT_EQ(message<ShapeError>([&] {
              bn(ones({2, 3}));
            }),
            "BatchNorm2d: x must be (N, C, H, W), got (2, 3)");
  EXPECT_EQ(message<ShapeError>([&] {
              bn(ones({2, 4, 2, 2}));
            }),
            "BatchNorm2d: x has 4 channels, 3 are expected (x: (2, 4, 2, 2))");
  EXPECT_EQ(message<ValueError>([] { BatchNorm2d("", 0); }),
            "BatchNorm2d: features must be at least 1, got 0");
  EXPECT_EQ(bn.extra_repr(), "3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True");
}

TEST(Conv, Refuses) {
  EXPECT_EQ(message<ValueError>([] { Conv2d("", 0, 2, 3); }),
            "Conv2d: in_channels must be at least 1, got 0");
  EXPECT_EQ(message<ValueError>([] { Conv2d("", 2, 0, 3); }),
            "Conv2d: out_channels must be at least 1, got 0");
  EXPECT_EQ(message<ValueError>([] {
              Conv2d("", 2, 2, {3, 0});
            }),
            "Conv2d: kernel_size must be at least 1, got 0");
  EXPECT_EQ(message<ValueError>([] { Conv2d("", 3, 4, 3, {.groups = 2}); }),
            "Conv2d: 3 and 4 channels cannot be cut into 2 groups");
  EXPECT_EQ(message<ValueError>([] { Conv1d("", 3, 4, 3, {.stride = 2, .padding = "same"}); }),
            "Conv1d: padding \"same\" needs a stride of 1, got 2");
  EXPECT_EQ(message<ValueError>([] { MaxPool2d(0); }), "MaxPool2d: kernel_size must be at least 1, got 0");
  EXPECT_EQ(message<ValueError>([] { AvgPool2d(2, {.divisor_override = 0}); }),
            "AvgPool2d: divisor_override must not be 0");
}

}  // namespace
}  // namespace st::nn
