// spiraltorch evaluate: how well a run's model does on the test images, class by class.
#include <fmt/format.h>

#include <algorithm>

#include "apps/spiraltorch/command.h"
#include "apps/spiraltorch/task.h"
#include "apps/spiraltorch/trained_run.h"

namespace tool {
namespace {

// "98.12 %", or "-" where there is nothing to divide by.
std::string percent(int64_t part, int64_t whole) {
  return whole > 0 ? fmt::format("{:.2f} %", 100 * static_cast<double>(part) / static_cast<double>(whole))
                   : "-";
}

void print_classes(const Score& score, int64_t classes) {
  const auto count = [&](int64_t truth, int64_t predicted) {
    return score.counts[static_cast<size_t>(truth * classes + predicted)];
  };
  const int64_t largest = *std::max_element(score.counts.begin(), score.counts.end());
  const size_t width = std::max<size_t>(3, fmt::format("{}", std::max(largest, classes - 1)).size());

  fmt::print("\nconfusion (rows: true class, columns: predicted)\n{:>6}", "");
  for (int64_t c = 0; c < classes; ++c) fmt::print(" {:>{}}", c, width);
  for (int64_t truth = 0; truth < classes; ++truth) {
    fmt::print("\n{:>6}", truth);
    for (int64_t c = 0; c < classes; ++c) fmt::print(" {:>{}}", count(truth, c), width);
  }
  fmt::print("\n\n{:>6} {:>7} {:>10} {:>10}\n", "class", "images", "precision", "recall");
  for (int64_t c = 0; c < classes; ++c) {
    int64_t images = 0, predicted = 0;
    for (int64_t other = 0; other < classes; ++other) {
      images += count(c, other);
      predicted += count(other, c);
    }
    fmt::print("{:>6} {:>7} {:>10} {:>10}\n", c, images, percent(count(c, c), predicted),
               percent(count(c, c), images));
  }
}

}  // namespace

void evaluate(const EvaluateRequest& request) {
  TrainedRun run = open_run(request.run, request.data);
  const Score result = score(run.model, run.config, run.test);
  fmt::print("test loss: {:.4f}\ntest accuracy: {:.2f} %\n", result.loss, 100 * result.accuracy);
  print_classes(result, run.config.classes);
}

}  // namespace tool
