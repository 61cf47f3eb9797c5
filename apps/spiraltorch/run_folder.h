// A run's folder: config.json (what was asked and what the model needs to be made again), model.safetensors,
// metrics.jsonl (one JSON object an epoch).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace tool {

/// Everything that decides a run, and what the data said of the model's shape.
struct Config {
  std::string data = "mnist";
  std::string model = "mlp";
  int64_t epochs = 8;
  int64_t batch = 128;
  double lr = 2e-3;
  uint64_t seed = 0;
  int threads = 0;  // 0: one for every processor

  int64_t height = 0, width = 0, classes = 0;  // of the training images
  double mean = 0, deviation = 1;              // of their pixels
};

struct EpochMetrics {
  int64_t epoch;
  double train_loss, train_accuracy, test_loss, test_accuracy, seconds, images_per_second, lr;
};

/// The configuration in the text of a config.json; `file` names it in errors. Throws IoError for what is
/// missing, of another type or out of range.
Config parse_config(const std::string& file, const std::string& text);

class RunFolder {
 public:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}

  /// Makes the folder. Throws IoError if it holds a run already, unless `overwrite`.
  void create(bool overwrite) const;
  void save_config(const Config& config) const;
  /// Throws IoError naming the file and what is missing or wrong in it.
  Config load_config() const;
  void append_metrics(const EpochMetrics& metrics) const;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path config_file() const { return path_ / "config.json"; }
  std::filesystem::path model_file() const { return path_ / "model.safetensors"; }
  std::filesystem::path metrics_file() const { return path_ / "metrics.jsonl"; }

 private:
  std::filesystem::path path_;
};

}  // namespace tool
