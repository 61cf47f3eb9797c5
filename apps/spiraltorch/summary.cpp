// spiraltorch summary: a model's layers, what comes out of each, and how much it learns.
#include <fmt/format.h>

#include <utility>
#include <vector>

#include "apps/spiraltorch/command.h"
#include "apps/spiraltorch/models.h"
#include "spiraltorch/core/check.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/ops/creation.h"

namespace tool {
namespace {

struct Row {
  std::string layer, output;
  int64_t parameters;
};

}  // namespace

void summary(const SummaryRequest& request) {
  Config config;
  config.model = request.model;
  config.mode = request.mode.empty() ? model_kind(request.model).mode : request.mode;
  config.height = config.width = 28;
  config.classes = 10;
  st::nn::Sequential model = make_model(config);
  std::vector<Row> rows;
  for (const auto& [name, child] : model.named_children()) {
    child->register_forward_hook([&rows, name = name](st::nn::Module& m, const st::Tensor& y) {
      rows.push_back({name + " (" + m.type_name() + ")", st::to_text(y.shape()), m.num_parameters()});
    });
  }
  const st::NoGradGuard no_grad;
  model.eval();
  const st::Tensor x = st::zeros({1, 1, config.height, config.width});
  model(x);

  size_t layer_width = 5, output_width = 6;
  for (const Row& row : rows) {
    layer_width = std::max(layer_width, row.layer.size());
    output_width = std::max(output_width, row.output.size());
  }
  fmt::print("{}: images {}\n{:<{}}  {:<{}}  {:>10}\n", config.model, st::to_text(x.shape()), "layer",
             layer_width, "output", output_width, "parameters");
  for (const Row& row : rows) {
    fmt::print("{:<{}}  {:<{}}  {:>10}\n", row.layer, layer_width, row.output, output_width, row.parameters);
  }
  fmt::print("{:<{}}  {:<{}}  {:>10}\n", "in all", layer_width, "", output_width, model.num_parameters());
}

}  // namespace tool
