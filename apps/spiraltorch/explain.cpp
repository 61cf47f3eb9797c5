// spiraltorch explain: a picture of where a run's model looks.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "apps/spiraltorch/cam_sheet.h"
#include "apps/spiraltorch/command.h"
#include "apps/spiraltorch/models.h"
#include "apps/spiraltorch/run_folder.h"
#include "apps/spiraltorch/task.h"
#include "spiraltorch/core/parallel.h"

namespace tool {
namespace {

struct Request {
  std::string run, data, layer, out;
  int64_t images = 16;
};

void run(const Request& request) {
  const RunFolder folder(request.run);
  Config config = folder.load_config();
  if (!request.data.empty()) config.data = request.data;
  st::set_num_threads(std::max(config.threads, 1));
  st::nn::Sequential model = load_model(config, folder.model_file());
  const st::data::GreyImages test = load_data(config, st::data::Split::test);
  check_fits(config, test);
  save_cam_sheet(request.out, model, config, test, request.images, request.layer);
  fmt::print("{}\n", request.out);
}

}  // namespace

void add_explain(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("explain", "Draw which places of test images made a model decide (Grad-CAM)");
  auto request = std::make_shared<Request>();
  command->add_option("--run", request->run, "Folder of a run, as train made it")
      ->required()
      ->type_name("DIR");
  command->add_option("--out", request->out, "The picture")->required()->type_name("F.png");
  command
      ->add_option("--images", request->images,
                   "Test images on it; the last quarter are wrong ones, if there are any")
      ->check(CLI::Range(1, 400))
      ->capture_default_str();
  command->add_option("--layer", request->layer,
                      "The layer whose output is asked; by default the last with places");
  command
      ->add_option("--data", request->data,
                   "mnist, or a folder of IDX files; what the run was trained on by default")
      ->type_name("mnist|DIR");
  command->callback([request] { run(*request); });
}

}  // namespace tool
