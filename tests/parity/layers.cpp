// The table of layers by PyTorch's name, one line a layer. Every argument is given, PyTorch's defaults too:
// null is None.
#include "tests/parity/layers.h"

#include <functional>
#include <memory>

#include "spiraltorch/nn/activation.h"
#include "spiraltorch/nn/batch_norm.h"
#include "spiraltorch/nn/conv.h"
#include "spiraltorch/nn/embedding.h"
#include "spiraltorch/nn/flatten.h"
#include "spiraltorch/nn/group_norm.h"
#include "spiraltorch/nn/identity.h"
#include "spiraltorch/nn/layer_norm.h"
#include "spiraltorch/nn/linear.h"
#include "spiraltorch/nn/lstm.h"
#include "spiraltorch/nn/pool.h"
#include "spiraltorch/nn/rms_norm.h"

namespace st::test {
namespace {

struct LayerType {
  const char* name;
  const char* parameters;
  std::function<std::unique_ptr<nn::Layer>(const Call&)> make;
};

template <class L>
std::unique_ptr<nn::Layer> plain(const Call&) {
  return std::make_unique<L>();
}

template <class L>
std::unique_ptr<nn::Layer> batch_norm(const Call& c) {
  std::optional<double> momentum;
  if (c.has("momentum")) momentum = c.real("momentum", 0);
  return std::make_unique<L>("layer", c.integer("num_features"), momentum, c.real("eps", 1e-5),
                             nn::BatchNormOptions{.affine = c.flag("affine", true),
                                                  .track_running_stats = c.flag("track_running_stats", true),
                                                  .bias = c.flag("bias", true)});
}

const char* const kConv =
    "in_channels out_channels kernel_size stride padding dilation groups bias padding_mode";
const char* const kMaxPool = "kernel_size stride padding dilation return_indices ceil_mode";

void check_indices(const Call& c) {
  if (c.flag("return_indices", false)) throw NotExpressible("argument return_indices of a layer");
}

const std::vector<LayerType>& layers() {
  using C = const Call&;
  static const std::vector<LayerType> table = {
      {"Linear", "in_features out_features bias",
       [](C c) -> std::unique_ptr<nn::Layer> {
         return std::make_unique<nn::Linear>("layer", c.integer("in_features"), c.integer("out_features"),
                                             nn::LinearOptions{.bias = c.flag("bias", true)});
       }},
      {"BatchNorm1d", "num_features eps momentum affine track_running_stats bias",
       batch_norm<nn::BatchNorm1d>},
      {"BatchNorm2d", "num_features eps momentum affine track_running_stats bias",
       batch_norm<nn::BatchNorm2d>},
      {"Conv1d", kConv,
       [](C c) -> std::unique_ptr<nn::Layer> {
         return std::make_unique<nn::Conv1d>(
             "layer", c.integer("in_channels"), c.integer("out_channels"), pair(c, "kernel_size").w(),
             nn::Conv1dOptions{pair(c, "stride", 1).w(), padding(c), pair(c, "dilation", 1).w(),
                               c.integer("groups", 1), c.flag("bias", true), pad_mode(c, "padding_mode")});
       }},
      {"Conv2d", kConv,
       [](C c) -> std::unique_ptr<nn::Layer> {
         return std::make_unique<nn::Conv2d>(
             "layer", c.integer("in_channels"), c.integer("out_channels"), pair(c, "kernel_size"),
             nn::Conv2dOptions{pair(c, "stride", 1), padding(c), pair(c, "dilation", 1),
                               c.integer("groups", 1), c.flag("bias", true), pad_mode(c, "padding_mode")});
       }},
      {"MaxPool1d", kMaxPool,
       [](C c) -> std::unique_ptr<nn::Layer> {
         check_indices(c);
         const Pair kernel = pair(c, "kernel_size");
         return std::make_unique<nn::MaxPool1d>(
             kernel.w(), nn::MaxPool1dOptions{pair(c, "stride", kernel).w(), pair(c, "padding", 0).w(),
                                              pair(c, "dilation", 1).w(), c.flag("ceil_mode", false)});
       }},
      {"MaxPool2d", kMaxPool,
       [](C c) -> std::unique_ptr<nn::Layer> {
         check_indices(c);
         return std::make_unique<nn::MaxPool2d>(
             pair(c, "kernel_size"),
             nn::MaxPool2dOptions{pair(c, "stride"), pair(c, "padding", 0), pair(c, "dilation", 1),
                                  c.flag("ceil_mode", false)});
       }},
      {"AvgPool1d", "kernel_size stride padding ceil_mode count_include_pad",
       [](C c) -> std::unique_ptr<nn::Layer> {
         const Pair kernel = pair(c, "kernel_size");
         return std::make_unique<nn::AvgPool1d>(
             kernel.w(), nn::AvgPool1dOptions{pair(c, "stride", kernel).w(), pair(c, "padding", 0).w(),
                                              c.flag("ceil_mode", false), c.flag("count_include_pad", true)});
       }},
      {"AvgPool2d", "kernel_size stride padding ceil_mode count_include_pad divisor_override",
       [](C c) -> std::unique_ptr<nn::Layer> {
         return std::make_unique<nn::AvgPool2d>(
             pair(c, "kernel_size"),
             nn::AvgPool2dOptions{pair(c, "stride"), pair(c, "padding", 0), c.flag("ceil_mode", false),
                                  c.flag("count_include_pad", true), c.optional_integer("divisor_override")});
       }},
      {"AdaptiveAvgPool1d", "output_size",
       [](C c) -> std::unique_ptr<nn::Layer> {
         return std::make_unique<nn::AdaptiveAvgPool1d>(output_size(c).w());
       }},
      {"AdaptiveAvgPool2d", "output_size",
       [](C c) -> std::unique_ptr<nn::Layer> {
         return std::make_unique<nn::AdaptiveAvgPool2d>(output_size(c));
       }},
      {"Lstm", "input_size hidden_size num_layers bias batch_first dropout bidirectional proj_size",
       [](C c) -> std::unique_ptr<nn::Layer> {
         if (c.integer("proj_size", 0) != 0) throw NotExpressible("argument proj_size");
         return std::make_unique<nn::Lstm>("layer", c.integer("input_size"), c.integer("hidden_size"),
                                           nn::LstmOptions{.num_layers = c.integer("num_layers", 1),
                                                           .bias = c.flag("bias", true),
                                                           .batch_first = c.flag("batch_first", false),
                                                           .dropout = c.real("dropout", 0),
                                                           .bidirectional = c.flag("bidirectional", false)});
       }},
      {"Flatten", "start_dim end_dim",
       [](C c) -> std::unique_ptr<nn::Layer> {
         return std::make_unique<nn::Flatten>(c.integer("start_dim", 1), c.integer("end_dim", -1));
       }},
      {"LayerNorm", "normalized_shape eps elementwise_affine bias",
       [](C c) -> std::unique_ptr<nn::Layer> {
         return std::make_unique<nn::LayerNorm>(
             "layer", c.dims("normalized_shape"), 0, c.real("eps", 1e-5),
             nn::LayerNormOptions{c.flag("elementwise_affine", true), c.flag("bias", true)});
       }},
      {"GroupNorm", "num_groups num_channels eps affine bias",
       [](C c) -> std::unique_ptr<nn::Layer> {
         return std::make_unique<nn::GroupNorm>(
             "layer", c.integer("num_groups"), c.integer("num_channels"), c.real("eps", 1e-5),
             nn::GroupNormOptions{c.flag("affine", true), c.flag("bias", true)});
       }},
      {"RMSNorm", "normalized_shape eps elementwise_affine",
       [](C c) -> std::unique_ptr<nn::Layer> {
         std::optional<double> eps;
         if (c.has("eps")) eps = c.real("eps", 0);
         return std::make_unique<nn::RMSNorm>("layer", c.dims("normalized_shape"), eps,
                                              nn::RMSNormOptions{c.flag("elementwise_affine", true)});
       }},
      {"Identity", "", plain<nn::Identity>},
      {"Embedding", "num_embeddings embedding_dim padding_idx",
       [](C c) -> std::unique_ptr<nn::Layer> {
         return std::make_unique<nn::Embedding>("layer", c.integer("num_embeddings"),
                                                c.integer("embedding_dim"),
                                                nn::EmbeddingOptions{c.optional_integer("padding_idx")});
       }},
      {"LeakyReLU", "negative_slope",
       [](C c) -> std::unique_ptr<nn::Layer> {
         return std::make_unique<nn::LeakyReLU>(c.real("negative_slope", 0.01));
       }},
      {"ELU", "alpha",
       [](C c) -> std::unique_ptr<nn::Layer> { return std::make_unique<nn::ELU>(c.real("alpha", 1)); }},
      {"GELU", "approximate",
       [](C c) -> std::unique_ptr<nn::Layer> {
         return std::make_unique<nn::GELU>(c.text("approximate", "none") == "tanh" ? Approximate::tanh
                                                                                   : Approximate::none);
       }},
      {"Softplus", "beta threshold",
       [](C c) -> std::unique_ptr<nn::Layer> {
         return std::make_unique<nn::Softplus>(c.real("beta", 1), c.real("threshold", 20));
       }},
      {"Softmax", "dim",
       [](C c) -> std::unique_ptr<nn::Layer> { return std::make_unique<nn::Softmax>(c.integer("dim")); }},
      {"LogSoftmax", "dim",
       [](C c) -> std::unique_ptr<nn::Layer> { return std::make_unique<nn::LogSoftmax>(c.integer("dim")); }},
      {"LogSigmoid", "", plain<nn::LogSigmoid>},
      {"SiLU", "", plain<nn::SiLU>},
      {"Hardswish", "", plain<nn::Hardswish>},
      {"ReLU", "", plain<nn::ReLU>},
      {"Tanh", "", plain<nn::Tanh>},
      {"Sigmoid", "", plain<nn::Sigmoid>},
  };
  return table;
}

const LayerType& find_layer(const std::string& name) {
  for (const LayerType& type : layers()) {
    if (type.name == name) return type;
  }
  throw NotExpressible("no layer named " + name);
}

// The outputs of one call: of a recurrent layer, which takes a state or none, also its state.
std::vector<Tensor> outputs_of(nn::Layer& layer, const std::vector<Tensor>& inputs) {
  auto* const lstm = dynamic_cast<nn::Lstm*>(&layer);
  if (!lstm) return {layer(inputs.at(0))};
  const nn::LstmState start = inputs.size() > 1 ? nn::LstmState{inputs.at(1), inputs.at(2)} : nn::LstmState{};
  const auto [y, end] = (*lstm)(inputs.at(0), start);
  return {y, end.h, end.c};
}

}  // namespace

std::vector<std::string> layer_names() {
  std::vector<std::string> names;
  for (const LayerType& type : layers()) names.emplace_back(type.name);
  return names;
}

Answer run_layer(const Json& request, const std::vector<Tensor>& tensors) {
  const std::string name = request.at("name");
  const LayerType& type = find_layer(name);
  const std::unique_ptr<nn::Layer> layer =
      type.make(Call(type.parameters, request.at("args"), request.at("kwargs"), tensors));
  layer->to(dtype_by_name(request.at("dtype").get<std::string>()));
  if (request.contains("state")) {  // not where PyTorch could not make the layer
    StateDict state;
    for (const auto& [key, i] : request.at("state").items()) state.insert(key, tensors.at(i.get<size_t>()));
    layer->load_state_dict(state);
  }
  layer->set_training(request.at("training").get<bool>());

  const std::vector<Tensor> inputs = pick_tensors(request.at("inputs"), tensors);
  const std::vector<Tensor> outputs = outputs_of(*layer, inputs);
  Answer answer;
  answer.add("y", outputs);
  std::vector<Answer::Named> wanted;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].requires_grad()) wanted.emplace_back("g" + std::to_string(i), inputs[i]);
  }
  for (const auto& [name, p] : layer->named_parameters()) wanted.emplace_back("grad." + name, p);
  answer.add_gradients(outputs, wanted, pick_tensors(request.at("cotangents"), tensors));
  for (const auto& [name, value] : layer->state_dict()) answer.add("state." + name, value.detach());
  return answer;
}

}  // namespace st::test
