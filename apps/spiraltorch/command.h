// The commands of the tool: what each is asked, and the function that does it. main.cpp reads the command
// line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "apps/spiraltorch/config.h"

namespace tool {

/// Thrown by a command that ends in order but with an exit code of its own.
struct Exit {
  int code;
};

/// What is left open in `config` (0 epochs, "" for data, mode and rule), and lr and warmup, is taken from
/// what suits the model.
struct TrainRequest {
  Config config;
  std::optional<double> lr;
  std::optional<int64_t> warmup;
  std::string out;  // "": runs/MODEL
  bool overwrite = false, resume = false;
};
void train(TrainRequest request);

struct EvaluateRequest {
  std::string run, data;  // "": the data that the run was trained on
};
void evaluate(const EvaluateRequest& request);

struct ExplainRequest {
  std::string run, data, layer, out;  // "": the run's data, the last layer with places
  int64_t images = 16;
};
void explain(const ExplainRequest& request);

struct InspectRequest {
  std::string file;
};
void inspect(const InspectRequest& request);

struct SummaryRequest {
  std::string model, mode;  // "": the model's own mode
};
void summary(const SummaryRequest& request);

}  // namespace tool
