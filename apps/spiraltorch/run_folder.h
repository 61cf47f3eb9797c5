// A run's folder: config.json (what was asked, and what the model needs to be made again), model.safetensors,
// checkpoint.safetensors (all that training needs to go on), metrics.jsonl (one JSON object an epoch), an
// event file for TensorBoard, gradcam.png.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include "apps/spiraltorch/config.h"

namespace tool {

struct EpochMetrics {
  int64_t epoch;
  double train_loss, train_accuracy, test_loss, test_accuracy, seconds, images_per_second, lr;
};

class RunFolder {
 public:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}

  /// Makes the folder. Throws IoError if it holds a run already, unless `overwrite`: that run is removed.
  void create(bool overwrite) const;
  void save_config(const Config& config) const;
  /// Throws IoError naming the file and what is missing or wrong in it.
  Config load_config() const;
  void append_metrics(const EpochMetrics& metrics) const;

  const std::filesystem::path& path() const { return path_; }
  std::string config_file() const { return path_ / "config.json"; }
  std::string model_file() const { return path_ / "model.safetensors"; }
  std::string checkpoint_file() const { return path_ / "checkpoint.safetensors"; }
  std::string metrics_file() const { return path_ / "metrics.jsonl"; }
  std::string events_file() const { return path_ / "events.out.tfevents.spiraltorch"; }
  std::string cam_file() const { return path_ / "gradcam.png"; }

 private:
  std::filesystem::path path_;
};

/// Bytes of the file, 0 if it is not there.
int64_t file_size(const std::string& path);
/// Takes off what the file holds behind `size` bytes: written after the checkpoint that training goes on
/// from.
void cut_file(const std::string& path, int64_t size);

}  // namespace tool
