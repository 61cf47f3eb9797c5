// spiraltorch explain: a picture of where a run's model looks.
#include <fmt/format.h>

#include "apps/spiraltorch/cam_sheet.h"
#include "apps/spiraltorch/command.h"
#include "apps/spiraltorch/trained_run.h"

namespace tool {

void explain(const ExplainRequest& request) {
  TrainedRun run = open_run(request.run, request.data);
  save_cam_sheet(request.out, run.model, run.config, run.test, request.images, request.layer);
  fmt::print("{}\n", request.out);
}

}  // namespace tool
