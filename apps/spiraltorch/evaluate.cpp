// spiraltorch evaluate: the accuracy of a run's model on the test images.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "apps/spiraltorch/command.h"
#include "apps/spiraltorch/task.h"
#include "spiraltorch/core/parallel.h"
#include "spiraltorch/io/safetensors.h"

namespace tool {
namespace {

void run(const std::string& folder, const std::string& data) {
  const RunFolder run_folder(folder);
  Config config = run_folder.load_config();
  if (!data.empty()) config.data = data;
  st::set_num_threads(std::max(config.threads, 1));
  st::nn::Sequential model = make_model(config);
  model.load_state_dict(st::io::load_safetensors(run_folder.model_file().string()));
  const st::data::GreyImages test = load_data(config, st::data::Split::test);
  check_fits(config, test);
  const Score result = score(model, config, test);
  fmt::print("test loss: {:.4f}\ntest accuracy: {:.2f} %\n", result.loss, 100 * result.accuracy);
}

}  // namespace

void add_evaluate(CLI::App& app) {
  CLI::App* command = app.add_subcommand("evaluate", "Measure a trained model on the test images");
  auto folder = std::make_shared<std::string>();
  auto data = std::make_shared<std::string>();
  command->add_option("--run", *folder, "Folder of a run, as train made it")->required()->type_name("DIR");
  command
      ->add_option("--data", *data, "mnist, or a folder of IDX files; what the run was trained on by default")
      ->type_name("mnist|DIR");
  command->callback([folder, data] { run(*folder, *data); });
}

}  // namespace tool
