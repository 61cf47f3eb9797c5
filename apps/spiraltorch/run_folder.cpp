// A run's files. config.json is written from, and read into, the one list of fields in for_each_field.
#include "apps/spiraltorch/run_folder.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "spiraltorch/core/check.h"
#include "spiraltorch/core/version.h"
#include "spiraltorch/io/atomic_file.h"

namespace tool {
namespace {

using st::check;
using st::IoError;

// The one list of a configuration's fields: f(name, field) for each.
template <class C, class F>
void for_each_field(C& c, const F& f) {
  f("data", c.data);
  f("model", c.model);
  f("epochs", c.epochs);
  f("batch", c.batch);
  f("lr", c.lr);
  f("seed", c.seed);
  f("threads", c.threads);
  f("height", c.height);
  f("width", c.width);
  f("classes", c.classes);
  f("mean", c.mean);
  f("deviation", c.deviation);
}

}  // namespace

void RunFolder::create(bool overwrite) const {
  std::error_code error;
  check<IoError>(overwrite || !std::filesystem::exists(config_file(), error),
                 "train: {} holds a run already; choose another --out or give --overwrite", path_.string());
  std::filesystem::create_directories(path_, error);
  check<IoError>(!error, "train: cannot make the folder {}: {}", path_.string(), error.message());
  for (const auto& file : {model_file(), metrics_file(), config_file()}) {
    std::filesystem::remove(file, error);
    check<IoError>(!error, "train: cannot replace {}: {}", file.string(), error.message());
  }
}

void RunFolder::save_config(const Config& config) const {
  nlohmann::ordered_json json = {{"spiraltorch", std::string(st::version())}};
  for_each_field(config, [&](const char* name, const auto& value) { json[name] = value; });
  st::io::write_file("train", config_file().string(), json.dump(2) + "\n");
}

Config RunFolder::load_config() const {
  const std::string file = config_file().string();
  std::ifstream stream(file);
  check<IoError>(stream.good(),
                 "evaluate: cannot open {}: {}; --run expects a folder that spiraltorch train made", file,
                 std::strerror(errno));
  const auto json = nlohmann::json::parse(stream, nullptr, false);
  check<IoError>(json.is_object(), "evaluate: {} is not a JSON object", file);
  Config config;
  for_each_field(config, [&](const char* name, auto& value) {
    check<IoError>(json.contains(name), "evaluate: {} lacks \"{}\"", file, name);
    try {
      json.at(name).get_to(value);
    } catch (const nlohmann::json::exception&) {
      st::fail<IoError>("evaluate: {}: \"{}\" has the wrong type: {}", file, name, json.at(name).dump());
    }
  });
  return config;
}

void RunFolder::append_metrics(const EpochMetrics& m) const {
  const nlohmann::ordered_json json = {{"epoch", m.epoch},
                                       {"train_loss", m.train_loss},
                                       {"train_accuracy", m.train_accuracy},
                                       {"test_loss", m.test_loss},
                                       {"test_accuracy", m.test_accuracy},
                                       {"seconds", m.seconds},
                                       {"lr", m.lr},
                                       {"images_per_second", m.images_per_second}};
  std::ofstream stream(metrics_file(), std::ios::app);
  stream << json.dump() << '\n';
  check<IoError>(stream.flush().good(), "train: cannot write {}: {}", metrics_file().string(),
                 std::strerror(errno));
}

}  // namespace tool
