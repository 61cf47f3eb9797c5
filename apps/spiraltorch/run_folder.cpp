// A run's files, and what is said when one cannot be written or read.
#include "apps/spiraltorch/run_folder.h"

#include <fmt/format.h>

#include <cerrno>
#include <cmath>
#include <fstream>
#include <iterator>
#include <system_error>

#include "spiraltorch/core/check.h"
#include "spiraltorch/io/atomic_file.h"

namespace tool {

using st::check;
using st::IoError;

void RunFolder::create(bool overwrite) const {
  std::error_code error;
  check<IoError>(overwrite || !std::filesystem::exists(config_file(), error),
                 "train: {} holds a run already; choose another --out, or give --resume to go on with it or "
                 "--overwrite to replace it",
                 path_.string());
  std::filesystem::create_directories(path_, error);
  check<IoError>(!error, "train: cannot make the folder {}: {}", path_.string(), error.message());
  for (const auto& file :
       {model_file(), checkpoint_file(), metrics_file(), events_file(), cam_file(), config_file()}) {
    std::filesystem::remove(file, error);
    check<IoError>(!error, "train: cannot replace {}: {}", file, error.message());
  }
}

void RunFolder::save_config(const Config& config) const {
  st::io::write_file("train", config_file(), format_config(config));
}

Config RunFolder::load_config() const {
  std::ifstream stream(config_file());
  check<IoError>(stream.good(), "cannot open {}: {}; a folder is expected that spiraltorch train made",
                 config_file(), std::generic_category().message(errno));
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  check<IoError>(!stream.bad(), "cannot read {}", config_file());
  return parse_config(config_file(), text);
}

void RunFolder::append_metrics(const EpochMetrics& m) const {
  std::string line = fmt::format("{{\"epoch\":{}", m.epoch);
  const auto add = [&line](const char* name, double value) {  // JSON knows neither NaN nor Inf
    line += fmt::format(",\"{}\":{}", name, std::isfinite(value) ? fmt::format("{}", value) : "null");
  };
  add("train_loss", m.train_loss);
  add("train_accuracy", m.train_accuracy);
  add("test_loss", m.test_loss);
  add("test_accuracy", m.test_accuracy);
  add("seconds", m.seconds);
  add("lr", m.lr);
  add("images_per_second", m.images_per_second);
  std::ofstream stream(metrics_file(), std::ios::app);
  stream << line << "}\n";
  check<IoError>(stream.flush().good(), "train: cannot write {}: {}", metrics_file(),
                 std::generic_category().message(errno));
}

int64_t file_size(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : static_cast<int64_t>(size);
}

void cut_file(const std::string& path, int64_t size) {
  if (file_size(path) <= size) return;
  std::error_code error;
  std::filesystem::resize_file(path, static_cast<uintmax_t>(size), error);
  check<IoError>(!error, "train: cannot shorten {}: {}", path, error.message());
}

}  // namespace tool
