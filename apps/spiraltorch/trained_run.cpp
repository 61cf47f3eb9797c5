// Opens a trained run: its configuration, its weights, and the images that they are tried on.
#include "apps/spiraltorch/trained_run.h"

#include <algorithm>
#include <utility>

#include "apps/spiraltorch/models.h"
#include "apps/spiraltorch/run_folder.h"
#include "apps/spiraltorch/task.h"
#include "spiraltorch/core/parallel.h"

namespace tool {

TrainedRun open_run(const std::string& run, const std::string& data) {
  const RunFolder folder(run);
  Config config = folder.load_config();
  if (!data.empty()) config.data = data;
  st::set_num_threads(std::max(config.threads, 1));
  st::nn::Sequential model = load_model(config, folder.model_file());
  st::data::GreyImages test = load_data(config, st::data::Split::test);
  check_fits(config, test);
  return {std::move(config), std::move(model), std::move(test)};
}

}  // namespace tool
