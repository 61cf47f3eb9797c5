// Layers, initialisation and Parameter with wrong arguments (tests/support/wrong_arguments.h).
#include "tests/support/wrong_arguments.h"

#include "spiraltorch/spiraltorch.h"

namespace st {
namespace {

using test::Functions;
using test::matrix;

// Calls a layer; one that refuses x is as it was before, its statistics and its state too.
template <class L>
void forward(L layer, const Tensor& x) {
  const L before = layer;
  try {
    layer(x);
  } catch (const Error&) {
    const StateDict now = layer.state_dict();
    for (const auto& [name, value] : before.state_dict()) EXPECT_TRUE(equal(now.at(name), value)) << name;
    throw;
  }
}

Functions functions() {
  const Tensor x = matrix(2, 3), positions = tensor({1, 0});
  const Tensor points = x * 0.1, image = reshape(arange(0, 36, 1, DType::float32), {2, 2, 3, 3});
  return {
      {"kaiming_uniform_", {x}, {}, ST_CALL(nn::init::kaiming_uniform_(t[0]))},
      {"kaiming_normal_", {x}, {}, ST_CALL(nn::init::kaiming_normal_(t[0]))},
      {"calculate_gain", {}, {}, ST_CALL(nn::init::calculate_gain(nn::init::Nonlinearity::leaky_relu, 0.2))},
      {"xavier_uniform_", {x}, {}, ST_CALL(nn::init::xavier_uniform_(t[0]))},
      {"xavier_normal_", {x}, {}, ST_CALL(nn::init::xavier_normal_(t[0]))},
      {"calculate_fan_in_and_fan_out", {x}, {}, ST_CALL(nn::init::calculate_fan_in_and_fan_out(t[0]))},
      {"uniform_", {x}, {}, ST_CALL(nn::init::uniform_(t[0]))},
      {"normal_", {x}, {}, ST_CALL(nn::init::normal_(t[0]))},
      {"constant_", {x}, {}, ST_CALL(nn::init::constant_(t[0], 2))},
      {"ones_", {x}, {}, ST_CALL(nn::init::ones_(t[0]))},
      {"zeros_", {x}, {}, ST_CALL(nn::init::zeros_(t[0]))},
      {"BatchNorm1d|batch_norm", {x}, {}, ST_CALL(forward(nn::BatchNorm1d("bn", 3), t[0]))},
      {"BatchNorm2d|batch_norm", {image}, {}, ST_CALL(forward(nn::BatchNorm2d("bn", 2), t[0]))},
      {"GroupNorm|group_norm", {image}, {}, ST_CALL(forward(nn::GroupNorm("gn", 1, 2), t[0]))},
      {"GroupNorm", {}, {2, 4}, ST_CALL(nn::GroupNorm("gn", i[0], i[1]))},
      {"rms_norm", {x}, {}, ST_CALL(forward(nn::RMSNorm("rms", 3), t[0]))},
      {"RMSNorm", {}, {3}, ST_CALL(nn::RMSNorm("rms", i[0]))},
      {"Identity", {x}, {}, ST_CALL(forward(nn::Identity(), t[0]))},
      {"conv2d", {image}, {}, ST_CALL(forward(nn::Conv2d("conv", 2, 3, 2), t[0]))},
      {"conv1d", {x}, {}, ST_CALL(forward(nn::Conv1d("conv", 2, 3, 2), t[0]))},
      {"max_pool2d", {image}, {}, ST_CALL(forward(nn::MaxPool2d(2), t[0]))},
      {"Conv2d", {}, {4, 2, 3, 2}, ST_CALL(nn::Conv2d("conv", i[0], i[1], {i[2], 1}, {.groups = i[3]}))},
      {"MaxPool2d",
       {},
       {2, 2, 1, 1},
       ST_CALL(nn::MaxPool2d(i[0], {.stride = i[1], .padding = i[2], .dilation = i[3]}))},
      {"AvgPool2d", {}, {2, 2, 1}, ST_CALL(nn::AvgPool2d(i[0], {.stride = i[1], .padding = i[2]}))},
      {"AdaptiveAvgPool2d", {}, {2, 2}, ST_CALL(nn::AdaptiveAvgPool2d({i[0], i[1]}))},
      {"linear", {x}, {}, ST_CALL(forward(nn::Linear("fc", 3, 2), t[0]))},
      {"flatten", {x}, {1, -1}, ST_CALL(forward(nn::Flatten(i[0], i[1]), t[0]))},
      {"relu", {x}, {}, ST_CALL(forward(nn::ReLU(), t[0]))},
      {"Lstm", {x}, {}, ST_CALL(forward(nn::Lstm("lstm", 3, 2), t[0]))},
      {"Lstm",
       {x, ones({1, 4}), ones({1, 4})},
       {},
       ST_CALL(nn::Lstm("lstm", 3, 4)(t[0], nn::LstmState{t[1], t[2]}))},
      {"Lstm", {ones({1, 4}), ones({1, 4})}, {}, ST_CALL(nn::Lstm("lstm", 3, 4).set_state(t[0], t[1]))},
      {"Lstm", {}, {3, 2}, ST_CALL(nn::Lstm("lstm", i[0], i[1]))},
      {"Linear", {}, {3, 2}, ST_CALL(nn::Linear("fc", i[0], i[1]))},
      {"BatchNorm1d", {}, {3}, ST_CALL(nn::BatchNorm1d("bn", i[0]))},
      {"max_pool1d", {x}, {}, ST_CALL(forward(nn::MaxPool1d(2), t[0]))},
      {"MaxPool1d",
       {},
       {2, 2, 1, 1},
       ST_CALL(nn::MaxPool1d(i[0], {.stride = i[1], .padding = i[2], .dilation = i[3]}))},
      {"avg_pool1d", {x}, {}, ST_CALL(forward(nn::AvgPool1d(2), t[0]))},
      {"AvgPool1d", {}, {2, 2, 1}, ST_CALL(nn::AvgPool1d(i[0], {.stride = i[1], .padding = i[2]}))},
      {"avg_pool2d", {image}, {}, ST_CALL(forward(nn::AvgPool2d(2), t[0]))},
      {"adaptive_avg_pool1d", {x}, {}, ST_CALL(forward(nn::AdaptiveAvgPool1d(2), t[0]))},
      {"AdaptiveAvgPool1d", {}, {2}, ST_CALL(nn::AdaptiveAvgPool1d{i[0]})},
      {"adaptive_avg_pool2d", {image}, {}, ST_CALL(forward(nn::AdaptiveAvgPool2d(2), t[0]))},
      {"Conv1d", {}, {4, 2, 3, 2}, ST_CALL(nn::Conv1d("conv", i[0], i[1], i[2], {.groups = i[3]}))},
      {"BatchNorm2d", {}, {3}, ST_CALL(nn::BatchNorm2d("bn", i[0]))},
      {"tanh", {x}, {}, ST_CALL(forward(nn::Tanh(), t[0]))},
      {"sigmoid", {x}, {}, ST_CALL(forward(nn::Sigmoid(), t[0]))},
      {"logsigmoid", {x}, {}, ST_CALL(forward(nn::LogSigmoid(), t[0]))},
      {"leaky_relu", {x}, {}, ST_CALL(forward(nn::LeakyReLU(), t[0]))},
      {"elu", {x}, {}, ST_CALL(forward(nn::ELU(), t[0]))},
      {"gelu", {x}, {}, ST_CALL(forward(nn::GELU(), t[0]))},
      {"silu", {x}, {}, ST_CALL(forward(nn::SiLU(), t[0]))},
      {"softplus", {x}, {}, ST_CALL(forward(nn::Softplus(), t[0]))},
      {"hardswish", {x}, {}, ST_CALL(forward(nn::Hardswish(), t[0]))},
      {"softmax", {x}, {1}, ST_CALL(forward(nn::Softmax{i[0]}, t[0]))},
      {"log_softmax", {x}, {1}, ST_CALL(forward(nn::LogSoftmax{i[0]}, t[0]))},
      {"dropout", {x}, {}, ST_CALL(forward(nn::Dropout(), t[0]))},
      {"embedding", {positions}, {}, ST_CALL(forward(nn::Embedding("table", 4, 2), t[0]))},
      {"Embedding", {}, {4, 2, 1}, ST_CALL(nn::Embedding("table", i[0], i[1], {.padding_idx = i[2]}))},
      {"layer_norm", {x}, {}, ST_CALL(forward(nn::LayerNorm("norm", 3), t[0]))},
      {"LayerNorm", {}, {3}, ST_CALL(nn::LayerNorm("norm", i[0]))},
      {"LayerNorm", {}, {3, 2}, ST_CALL(nn::LayerNorm("norm", Shape{i[0], i[1]}))},
      {"ZSpaceBatchNorm1d|batch_norm", {x}, {}, ST_CALL(forward(nn::ZSpaceBatchNorm1d("zbn", 3), t[0]))},
      {"ZSpaceBatchNorm1d|ones", {}, {3}, ST_CALL(nn::ZSpaceBatchNorm1d("zbn", i[0]))},
      {"mlr", {points}, {}, ST_CALL(forward(nn::hyperbolic::Mlr("mlr", 3, 2), t[0]))},
      {"Mlr|empty", {}, {3, 2}, ST_CALL(nn::hyperbolic::Mlr("mlr", i[0], i[1]))},
      {"relu", {x}, {}, ST_CALL(forward(nn::Sequential{nn::ReLU()}, t[0]))},
      {"Lstm", {}, {0, 0}, ST_CALL(nn::Lstm("lstm", 3, 2).weights(i[0], i[1]))},
      {"linear", {x}, {}, ST_CALL(nn::AnyLayer layer = nn::Linear("fc", 3, 2); (*layer)(t[0]))},
      {"ModuleList", {}, {0}, ST_CALL(nn::ModuleList<nn::ReLU> list{std::vector<nn::ReLU>(2)}; list[i[0]])},
      {"Parameter", {x}, {}, ST_CALL(nn::Parameter{t[0]}), 1},
      {"Buffer", {x}, {}, ST_CALL(nn::Buffer{t[0]}), 1},
      {"assignment",
       {x, x + 1},
       {},
       ST_CALL(nn::Buffer to(t[0]); const nn::Buffer from(t[1]); to = from),
       2,
       true},
      {"set_manifold|Parameter|check_point",
       {points},
       {},
       ST_CALL(nn::Parameter(t[0]).set_manifold(std::make_shared<PoincareBall>()))},
      {"manifold_of", {x}, {}, ST_CALL(nn::manifold_of(t[0])), 1},
      {"geometry_of", {x}, {}, ST_CALL(nn::geometry_of(t[0])), 1},
      {"load_state_dict",
       {x, tensor({1.f, 2.f})},
       {},
       ST_CALL(nn::Linear("fc", 3, 2).load_state_dict({{"weight", t[0]}, {"bias", t[1]}})),
       0,
       true},
  };
}

ST_TEST_WRONG_ARGUMENTS(functions, "nn")

}  // namespace
}  // namespace st
