// Grad-CAM against PyTorch and the package pytorch-grad-cam 1.5.7 on the same weights, which come from the
// same seed.
#include "spiraltorch/vision/xai/grad_cam.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/core/random.h"
#include "spiraltorch/nn/activation.h"
#include "spiraltorch/nn/batch_norm.h"
#include "spiraltorch/nn/linear.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/temp_dir.h"

namespace st {
namespace {

using testing::error_of;
using vision::xai::GradCam;
using vision::xai::GradCamConfig;

// class Maps(nn.Module): fc1 = Linear(30, 24), bn = BatchNorm1d(24), act = Tanh(), fc2 = Linear(24, 4)
//   forward: y = bn(fc1(x.flatten(1))); return fc2(act(y.reshape(-1, 2, 3, 4)).flatten(1))
struct Maps final : nn::Layer {
  nn::Linear fc1{"fc1", 30, 24};
  nn::BatchNorm1d bn{"bn", 24};
  nn::Tanh act;
  nn::Linear fc2{"fc2", 24, 4};
  Tensor forward(const Tensor& x) override {
    const Tensor y = bn(fc1(flatten(x, 1)));
    return fc2(flatten(act(reshape(y, {-1, 2, 3, 4})), 1));
  }
  void visit(nn::Visitor& v) override { v(fc1), v(bn), v("act", act), v(fc2); }
};

// act's output for x = torch.randn(2, 1, 5, 6) after torch.manual_seed(3), and the gradient of
// out[:, 2].sum() with respect to it.
const std::vector<float> kActivations = {
    -0.0339183658f, 0.419618696f,  -0.139288813f, 0.117723577f,  -0.188990787f,  0.24630259f,
    0.124319389f,   0.148797482f,  0.134349167f,  0.634687304f,  0.374621212f,   -0.0389331914f,
    -0.409186482f,  -0.100885563f, 0.35141784f,   -0.117986657f, -0.220079407f,  -0.0932767019f,
    -0.243935049f,  -0.104030646f, -0.694033921f, 0.088793844f,  -0.0441793725f, -0.500416934f,
    -0.478179067f,  -0.538566053f, -0.442924708f, 0.427061617f,  0.0244658962f,  0.19901292f,
    -0.231853977f,  0.0900602117f, -0.37892288f,  -0.733360946f, -0.691968262f,  -0.0223675761f,
    0.635015547f,   0.48225078f,   0.279703617f,  -0.276581228f, 0.0249430593f,  0.752688825f,
    0.431845695f,   -0.704153597f, -0.286834359f, -0.539651453f, -0.659845173f,  -0.399822474f};
const std::vector<float> kGradients = {
    0.06908793f,   -0.026330838f,  0.150222927f,  0.0381129459f,  0.0696777254f,  -0.0843047053f,
    0.0197471175f, -0.130460024f,  -0.134995341f, 0.0175747704f,  -0.0489616916f, 0.0930558592f,
    0.128049478f,  -0.0161013287f, 0.152390674f,  0.00350947399f, 0.0300758351f,  0.0503422059f,
    0.091364488f,  -0.158147916f,  0.0480990484f, -0.166528806f,  0.152565658f,   0.0397798382f,
    0.06908793f,   -0.026330838f,  0.150222927f,  0.0381129459f,  0.0696777254f,  -0.0843047053f,
    0.0197471175f, -0.130460024f,  -0.134995341f, 0.0175747704f,  -0.0489616916f, 0.0930558592f,
    0.128049478f,  -0.0161013287f, 0.152390674f,  0.00350947399f, 0.0300758351f,  0.0503422059f,
    0.091364488f,  -0.158147916f,  0.0480990484f, -0.166528806f,  0.152565658f,   0.0397798382f};
// (G.mean((2, 3), keepdim=True) * A).sum(1), without and with relu
const std::vector<float> kRaw = {
    -0.0122103496f,  -0.00185397873f, 0.0100313965f,   -0.00317624281f, -0.00702868961f,  -0.00209696963f,
    -0.00688857725f, -0.00267894496f, -0.020191852f,   0.00434483588f,  -0.000296129961f, -0.0149258319f,
    0.0175148267f,   0.01282728f,     0.00708697503f,  -0.00703736674f, 0.000804839889f,  0.0228298269f,
    0.012163261f,    -0.0206112415f,  -0.00951898098f, -0.0179643221f,  -0.0214121938f,   -0.0119018061f};
const std::vector<float> kRelu = {0.f,
                                  0.f,
                                  0.0100313965f,
                                  0.f,
                                  0.f,
                                  0.f,
                                  0.f,
                                  0.f,
                                  0.f,
                                  0.00434483588f,
                                  0.f,
                                  0.f,
                                  0.0175148267f,
                                  0.01282728f,
                                  0.00708697503f,
                                  0.f,
                                  0.000804839889f,
                                  0.0228298269f,
                                  0.012163261f,
                                  0.f,
                                  0.f,
                                  0.f,
                                  0.f,
                                  0.f};
// scale_cam_image(relu(get_cam_image(...)))
const std::vector<float> kScaled = {
    0.f,           0.f,          0.999990046f, 0.f, 0.f,          0.f,          0.f,          0.f,
    0.f,           0.433119237f, 0.f,          0.f, 0.767187119f, 0.561862588f, 0.310424834f, 0.f,
    0.0352537148f, 0.999995589f, 0.532777011f, 0.f, 0.f,          0.f,          0.f,          0.f};
// GradCAM(net, [net.act])(x, [ClassifierOutputTarget(2)] * 2), and without targets
const std::vector<float> kFull = {
    0.f,           0.f,          0.199999988f, 0.999999881f, 0.599999905f, 0.f,          0.f,
    0.f,           0.11999999f,  0.599999905f, 0.359999925f, 0.f,          0.f,          0.f,
    0.f,           0.f,          0.f,          0.f,          0.f,          0.155924454f, 0.259874105f,
    0.0519748218f, 0.f,          0.f,          0.f,          0.259874105f, 0.433123499f, 0.0866247043f,
    0.f,           0.f,          0.831976533f, 0.720644355f, 0.563866913f, 0.382085711f, 0.168320194f,
    0.f,           0.514478266f, 0.656921983f, 0.738320112f, 0.494137913f, 0.216546178f, 0.f,
    0.0382309109f, 0.561338365f, 0.999999881f, 0.662216246f, 0.288885176f, 0.f,          0.0152923632f,
    0.224535346f,  0.399999917f, 0.264886498f, 0.115554057f, 0.f,          0.f,          0.f,
    0.f,           0.f,          0.f,          0.f};
const std::vector<float> kPredicted = {
    0.439223975f,  0.451301426f, 0.370703101f, 0.f,          0.0473043583f, 0.187284514f, 0.273086488f,
    0.331714541f,  0.340545774f, 0.141358554f, 0.14173539f,  0.191909f,     0.023880288f, 0.152334183f,
    0.295309722f,  0.353396386f, 0.283381909f, 0.198845759f, 0.609552085f,  0.48535338f,  0.359522611f,
    0.352994263f,  0.383553237f, 0.415744215f, 0.999999881f, 0.707366168f,  0.402331203f, 0.352726191f,
    0.450334072f,  0.560343206f, 0.831976533f, 0.720644355f, 0.563866913f,  0.382085711f, 0.168320194f,
    0.f,           0.514478266f, 0.656921983f, 0.738320112f, 0.494137913f,  0.216546178f, 0.f,
    0.0382309109f, 0.561338365f, 0.999999881f, 0.662216246f, 0.288885176f,  0.f,          0.0152923632f,
    0.224535346f,  0.399999917f, 0.264886498f, 0.115554057f, 0.f,           0.f,          0.f,
    0.f,           0.f,          0.f,          0.f};

void expect_near(const Tensor& x, const std::vector<float>& expected, double tolerance = 1e-5) {
  const auto values = x.to_vector<float>();
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i], tolerance) << i;
}

Tensor activations() { return reshape(tensor(kActivations), {2, 2, 3, 4}); }
Tensor gradients() { return reshape(tensor(kGradients), {2, 2, 3, 4}); }

TEST(GradCamAttribute, IsPyTorchsFormula) {
  const GradCamConfig config(3, 4);
  const Tensor map = GradCam::attribute(activations(), gradients(), config);
  EXPECT_EQ(map.shape(), Shape({2, 3, 4}));
  expect_near(map, kScaled);
  expect_near(GradCam::attribute(activations(), gradients(), config.with_normalise(false)), kRelu, 1e-7);
  expect_near(GradCam::attribute(activations(), gradients(), config.with_normalise(false).with_relu(false)),
              kRaw, 1e-7);
  const auto one = GradCam::attribute(activations()[1], gradients()[1], config);
  EXPECT_EQ(one.shape(), Shape({3, 4}));
  expect_near(one, {kScaled.begin() + 12, kScaled.end()});
  expect_near(
      GradCam::attribute(reshape(activations()[1], {2, 12}), reshape(gradients()[1], {2, 12}), config),
      {kScaled.begin() + 12, kScaled.end()});
}

TEST(GradCamAttribute, LayoutsAndDtypes) {
  const GradCamConfig config(3, 4);
  const auto channels_last = [](const Tensor& x) {
    return permute(permute(x, {0, 2, 3, 1}).contiguous(), {0, 3, 1, 2});
  };
  expect_near(GradCam::attribute(channels_last(activations()), channels_last(gradients()), config), kScaled);
  const Tensor wide =
      GradCam::attribute(activations().to(DType::float64), gradients().to(DType::float64), config);
  EXPECT_EQ(wide.dtype(), DType::float64);
  expect_near(wide, kScaled);
  const Tensor narrow =
      GradCam::attribute(activations().to(DType::bfloat16), gradients().to(DType::bfloat16), config);
  EXPECT_EQ(narrow.dtype(), DType::float32);
  expect_near(narrow, kScaled, 0.05);
}

TEST(GradCamAttribute, Edges) {
  const GradCamConfig config(2, 2);
  // Nothing speaks for the class: 0, not NaN. One channel, one value: no spread, 0.
  expect_near(GradCam::attribute(ones({1, 2, 2}), -ones({1, 2, 2}), config), {0, 0, 0, 0});
  expect_near(GradCam::attribute(ones({1, 1, 1}), ones({1, 1, 1}), GradCamConfig(1, 1)), {0});
  EXPECT_EQ(GradCam::attribute(zeros({0, 3, 2, 2}), zeros({0, 3, 2, 2}), config).shape(), Shape({0, 2, 2}));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(
      isnan(GradCam::attribute(reshape(tensor({nan, 1.f, 2.f, 3.f}), {1, 2, 2}), ones({1, 2, 2}), config))
          .any()
          .item<bool>());
  // A larger epsilon than the map: (x - min) / (max - min + eps).
  const Tensor a = reshape(tensor({0.f, 1.f, 2.f, 4.f}), {1, 2, 2});
  expect_near(GradCam::attribute(a, ones({1, 2, 2}), config.with_epsilon(4)), {0, 0.125, 0.25, 0.5});
}

TEST(GradCamAttribute, Errors) {
  const GradCamConfig config(3, 4);
  EXPECT_EQ(error_of<ShapeError>([&] { GradCam::attribute(activations(), gradients()[0], config); }),
            "GradCam.attribute: activations and gradients need one shape (activations: (2, 2, 3, 4), "
            "gradients: (2, 3, 4))");
  EXPECT_EQ(error_of<ShapeError>([&] {
              GradCam::attribute(zeros({2, 11}), zeros({2, 11}), config);
            }),
            "GradCam.attribute: activations are (C, h*w), (C, h, w) or (N, C, h, w) with h = 3 and w = 4 of "
            "the config, not (2, 11)");
  EXPECT_EQ(error_of<ShapeError>([&] {
              GradCam::attribute(zeros({0, 3, 4}), zeros({0, 3, 4}), config);
            }),
            "GradCam.attribute: activations of shape (0, 3, 4) have no channels");
  EXPECT_EQ(error_of<DTypeError>([&] {
              GradCam::attribute(zeros({1, 3, 4}, DType::int64), zeros({1, 3, 4}), config);
            }),
            "GradCam.attribute: expected floating dtypes (activations: int64, gradients: float32)");
  EXPECT_EQ(error_of<ValueError>([&] {
              GradCam::attribute(Tensor(), zeros({1, 3, 4}), config);
            }),
            "GradCam.attribute: activations is undefined");
  EXPECT_EQ(error_of<ValueError>([] { GradCamConfig(0, 4); }),
            "GradCamConfig: the size is 0 x 4, expected at least 1 x 1");
  EXPECT_EQ(error_of<ValueError>([&] { config.with_epsilon(0); }),
            "GradCamConfig: epsilon is 0, expected a positive finite number");
}

struct GradCamTest : ::testing::Test {
  GradCamTest() {
    manual_seed(3);
    net = Maps();
    x = randn({2, 1, 5, 6});
  }
  Maps net;
  Tensor x;
};

TEST_F(GradCamTest, IsPytorchGradCams) {
  const GradCam cam(net, net.act);
  const Tensor map = cam(x, 2);
  EXPECT_EQ(map.shape(), Shape({2, 5, 6}));
  EXPECT_FALSE(map.requires_grad());
  expect_near(map, kFull);
  expect_near(cam(x), kPredicted);
}

TEST_F(GradCamTest, TouchesNoGradientAndRestoresModes) {
  net.train();
  net.bn.eval();
  net.fc1.weight.requires_grad_(false);
  const auto before = net.bn.running_mean.to_vector<float>();
  const NoGradGuard no_grad;
  expect_near(GradCam(net, net.act)(x, 2), kFull);
  EXPECT_FALSE(grad_enabled());
  for (const Tensor& p : net.parameters()) EXPECT_FALSE(p.grad().defined());
  EXPECT_TRUE(net.training());
  EXPECT_TRUE(net.act.training());
  EXPECT_FALSE(net.bn.training());
  EXPECT_EQ(net.bn.running_mean.to_vector<float>(), before);

  net.train();
  EXPECT_EQ(error_of<IndexError>([&] { GradCam(net, net.act)(x, 4); }),
            "GradCam: there is no class 4, there are 4");
  EXPECT_TRUE(net.bn.training());
  EXPECT_FALSE(net.act(x).requires_grad());  // and no hook is left behind
}

TEST_F(GradCamTest, WorksOnAFrozenModel) {
  net.requires_grad_(false);
  expect_near(GradCam(net, net.act)(x, 2), kFull);
}

TEST_F(GradCamTest, FeaturesWithoutAPlace) {
  const Tensor map = GradCam(net, net.bn)(x, 1);  // (2, 24): one pixel each, no spread
  EXPECT_EQ(map.shape(), Shape({2, 5, 6}));
  expect_near(map, std::vector<float>(60, 0));
}

TEST_F(GradCamTest, Errors) {
  nn::Tanh other;
  EXPECT_EQ(error_of<ValueError>([&] { GradCam(net, other)(x); }),
            "GradCam: the model does not run the layer (Tanh)");
  EXPECT_EQ(error_of<IndexError>([&] { GradCam(net, net.act)(x, -1); }),
            "GradCam: there is no class -1, there are 4");
  EXPECT_EQ(error_of<ValueError>([&] { GradCam(net, net.act)(Tensor()); }),
            "GradCam: the input is undefined");
  EXPECT_EQ(error_of<ShapeError>([&] { GradCam(net.act, net.act)(x); }),
            "GradCam: the model's output is (2, 1, 5, 6), expected logits, (N, classes) or (classes)");
}

// An output (T, hidden) is an activation (hidden, T, 1): bands over the rows of x, (T, in).
TEST(GradCamSequence, TimeRunsDownTheRows) {
  struct Rows final : nn::Layer {
    nn::Tanh act;
    Tensor forward(const Tensor& x) override {
      const Tensor y = act(x);
      return sum(narrow(y, 1, 0, 2), 0);  // (2) logits
    }
    void visit(nn::Visitor& v) override { v("act", act); }
  } net;
  const Tensor x = reshape(tensor({-1.f, 0.f, 9.f, 0.5f, 0.f, 9.f, 2.f, 0.f, 9.f}), {3, 3});
  const Tensor map = GradCam(net, net.act)(x, 0);
  EXPECT_EQ(map.shape(), Shape({3, 3}));
  const float top = std::tanh(2.f), middle = std::tanh(0.5f);
  expect_near(map, {0, 0, 0, middle / top, middle / top, middle / top, 1, 1, 1});
}

}  // namespace
}  // namespace st
