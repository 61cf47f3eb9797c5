// spiraltorch explain: a picture of where a run's model looks.
#include <fmt/format.h>

#include <algorithm>

#include "apps/spiraltorch/cam_sheet.h"
#include "apps/spiraltorch/command.h"
#include "apps/spiraltorch/models.h"
#include "apps/spiraltorch/run_folder.h"
#include "apps/spiraltorch/task.h"
#include "spiraltorch/core/parallel.h"

namespace tool {
void explain(const ExplainRequest& request) {
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

}  // namespace tool
