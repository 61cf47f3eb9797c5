// What decides a run, and what the data said of the model's shape: the content of a run's config.json.
#pragma once

#include <cstdint>
#include <string>

namespace tool {

struct Config {
  std::string data = "mnist";
  std::string model = "cnn";
  int64_t epochs = 0;
  int64_t batch = 128;
  std::string mode;       // euclidean, realgrad, hypergrad; the model's own unless --mode says otherwise
  double curvature = -1;  // of hypergrad
  std::string rule;       // plain, momentum, adam; likewise
  double lr = 0;
  int64_t warmup = -1;  // steps
  std::string amp = "off";
  uint64_t seed = 0;
  int threads = 0;  // 0: one for every processor

  int64_t height = 0, width = 0, classes = 0;  // of the training images
  double mean = 0, deviation = 1;              // of their pixels
};

/// The configuration in the text of a config.json; `file` names it in errors. Throws IoError for what is
/// missing, of another type or out of range.
Config parse_config(const std::string& file, const std::string& text);

/// The text of a config.json.
std::string format_config(const Config& config);

}  // namespace tool
