// The networks that --model names: one entry each. A new one is a function and a line in models.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "apps/spiraltorch/config.h"
#include "spiraltorch/nn/sequential.h"

namespace tool {

struct ModelKind {
  const char* name;
  const char* summary;                               // a line for --help
  int64_t epochs;                                    // unless --epochs says otherwise,
  const char *mode, *rule;                           // or --mode and --rule,
  int64_t warmup;                                    // or --warmup: this many percent of all steps
  const char* cam_layer;                             // whose maps `explain` shows; "" where none has a place
  st::nn::Sequential (*make)(const Config& config);  // for config's images, classes, mode and curvature
};

std::span<const ModelKind> model_kinds();

/// The entry of that name. Throws ValueError that lists the names.
const ModelKind& model_kind(const std::string& name);

/// The model of the configuration, new.
st::nn::Sequential make_model(const Config& config);

/// The model of a run, trained. Throws IoError or ValueError where model.safetensors is not there or not its.
st::nn::Sequential load_model(const Config& config, const std::string& file);

/// The mean distance from the origin of the points in the last batch; 0 for a model without points.
double ball_radius(st::nn::Sequential& model);

}  // namespace tool
