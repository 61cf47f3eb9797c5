// The registry of models. All end in the same head: under hypergrad it is hyperbolic.
#include "apps/spiraltorch/models.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "spiraltorch/core/check.h"
#include "spiraltorch/io/safetensors.h"
#include "spiraltorch/nn/activation.h"
#include "spiraltorch/nn/batch_norm.h"
#include "spiraltorch/nn/conv.h"
#include "spiraltorch/nn/flatten.h"
#include "spiraltorch/nn/hyperbolic/mlr.h"
#include "spiraltorch/nn/linear.h"
#include "spiraltorch/nn/lstm.h"
#include "spiraltorch/nn/pool.h"
#include "spiraltorch/nn/zspace_batch_norm.h"
#include "spiraltorch/ops/shape.h"

namespace tool {
namespace {

namespace nn = st::nn;
using st::Tensor;

constexpr int64_t kHeadWidth = 128;

// features -> classes. In Z-space by way of 128 numbers that are a point of the ball, and the logits its
// distances from planes.
void add_head(nn::Sequential& net, int64_t features, const Config& config) {
  if (config.mode == "hypergrad") {
    net.push_back(nn::Linear("fc", features, kHeadWidth));
    net.push_back(nn::ZSpaceBatchNorm1d("zspace", kHeadWidth, config.curvature));
    net.push_back(nn::hyperbolic::Mlr("head", kHeadWidth, config.classes, config.curvature));
  } else {
    net.push_back(nn::Linear("head", features, config.classes));
  }
}

nn::Sequential make_cnn(const Config& config) {
  st::check<st::ValueError>(config.height >= 4 && config.width >= 4,
                            "the cnn halves images twice: {} x {} is too small", config.height, config.width);
  nn::Sequential net{nn::Conv2d("conv1", 1, 32, 3, {.padding = 1}),
                     nn::BatchNorm2d("bn1", 32),
                     nn::ReLU(),
                     nn::MaxPool2d(2),
                     nn::Conv2d("conv2", 32, 64, 3, {.padding = 1}),
                     nn::BatchNorm2d("bn2", 64),
                     nn::ReLU(),
                     nn::MaxPool2d(2),
                     nn::Flatten()};
  int64_t features = 64 * (config.height / 4) * (config.width / 4);
  if (config.mode != "hypergrad") {
    net.push_back(nn::Linear("fc", std::exchange(features, kHeadWidth), kHeadWidth));
    net.push_back(nn::ReLU());
  }
  add_head(net, features, config);
  return net;
}

nn::Sequential make_mlp(const Config& config) {
  constexpr int64_t kHidden = 512;
  // Braces: C++ then makes the layers from the first to the last, and each seed gives PyTorch's weights.
  nn::Sequential net{nn::Flatten(),
                     nn::Linear("fc1", config.height * config.width, kHidden),
                     nn::BatchNorm1d("bn1", kHidden),
                     nn::ReLU(),
                     nn::Linear("fc2", kHidden, kHidden),
                     nn::BatchNorm1d("bn2", kHidden),
                     nn::ReLU()};
  add_head(net, kHidden, config);
  return net;
}

// (N, 1, H, W) as N sequences of H rows.
struct Rows final : nn::Layer {
  Tensor forward(const Tensor& x) override { return squeeze(x, {1}); }
  void visit(nn::Visitor&) override {}
};

// (N, T, hidden) to what the sequence ended with.
struct LastStep final : nn::Layer {
  Tensor forward(const Tensor& x) override { return select(x, 1, -1); }
  void visit(nn::Visitor&) override {}
};

nn::Sequential make_lstm(const Config& config) {
  constexpr int64_t kHidden = 128;
  nn::Sequential net{Rows(), nn::Lstm("lstm", config.width, kHidden, {.batch_first = true}), LastStep()};
  add_head(net, kHidden, config);
  return net;
}

// The first ReLU. Behind the second convolution a channel answers to a part of a digit wherever the head's
// weights, which have places of their own, may want it: the mean slope of a channel says little there, and
// the maps light up the paper beside the strokes.
constexpr const char* kCnnCamLayer = "2";

constexpr std::array kKinds = {
    ModelKind{"cnn", "two convolutions of 32 and 64 channels with BatchNorm2d, ReLU and pooling", 2,
              "hypergrad", "momentum", 25, kCnnCamLayer, make_cnn},
    ModelKind{"mlp", "two linear layers of 512 with BatchNorm1d and ReLU", 8, "euclidean", "adam", 10, "",
              make_mlp},
    ModelKind{"lstm", "the image as rows in time, 128 hidden", 5, "euclidean", "adam", 10, "lstm", make_lstm},
};

}  // namespace

std::span<const ModelKind> model_kinds() { return kKinds; }

const ModelKind& model_kind(const std::string& name) {
  std::string names;
  for (const ModelKind& kind : kKinds) {
    if (name == kind.name) return kind;
    names += (names.empty() ? "" : ", ") + std::string(kind.name);
  }
  st::fail<st::ValueError>("there is no model \"{}\"; there are: {}", name, names);
}

nn::Sequential make_model(const Config& config) { return model_kind(config.model).make(config); }

nn::Sequential load_model(const Config& config, const std::string& file) {
  nn::Sequential model = make_model(config);
  model.load_state_dict(st::io::load_safetensors(file));
  return model;
}

double ball_radius(nn::Sequential& model) {
  for (nn::Layer& layer : model) {
    if (const auto* zspace = dynamic_cast<nn::ZSpaceBatchNorm1d*>(&layer)) return zspace->ball_radius();
  }
  return 0;
}

}  // namespace tool
