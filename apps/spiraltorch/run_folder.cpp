// A run's files. config.json is written from, and read into, the one list of fields in for_each_field.
#include "apps/spiraltorch/run_folder.h"

#include <cerrno>
#include <cmath>
#include <concepts>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

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

constexpr int64_t kLargestSide = 1 << 20;

// Whether the JSON value is one of the field's type, in its range. get_to alone would cut off what does not
// fit.
bool read_value(const nlohmann::json& json, std::string& value) {
  if (json.is_string()) json.get_to(value);
  return json.is_string();
}
bool read_value(const nlohmann::json& json, double& value) {
  if (!json.is_number()) return false;
  value = json.get<double>();
  return std::isfinite(value);
}
template <std::integral I>
bool read_value(const nlohmann::json& json, I& value) {
  const bool fits = json.is_number_unsigned()
                        ? std::in_range<I>(json.get<uint64_t>())
                        : json.is_number_integer() && std::in_range<I>(json.get<int64_t>());
  if (fits) value = json.get<I>();
  return fits;
}

// Of a value in an error; what is no UTF-8 is replaced.
std::string text_of(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
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

Config parse_config(const std::string& file, const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  check<IoError>(json.is_object(), "evaluate: {} is not a JSON object", file);
  Config config;
  for_each_field(config, [&](const char* name, auto& value) {
    check<IoError>(json.contains(name), "evaluate: {} lacks \"{}\"", file, name);
    check<IoError>(read_value(json.at(name), value), "evaluate: {}: \"{}\" has the wrong type: {}", file,
                   name, text_of(json.at(name)));
  });
  // What no training writes. A model of another size would be made before the weights are found not to fit
  // it.
  check<IoError>(config.height >= 1 && config.width >= 1 && config.height <= kLargestSide &&
                     config.width <= kLargestSide && config.classes >= 1 && config.classes <= kLargestSide,
                 "evaluate: {}: images of {} x {} in {} classes are not to be had", file, config.height,
                 config.width, config.classes);
  check<IoError>(config.batch >= 1, "evaluate: {}: \"batch\" is {}, expected at least 1", file, config.batch);
  check<IoError>(config.deviation > 0, "evaluate: {}: \"deviation\" is {}, expected more than 0", file,
                 config.deviation);
  check<IoError>(config.threads >= 0, "evaluate: {}: \"threads\" is {}, expected 0 or more", file,
                 config.threads);
  return config;
}

Config RunFolder::load_config() const {
  const std::string file = config_file().string();
  std::ifstream stream(file);
  check<IoError>(stream.good(),
                 "evaluate: cannot open {}: {}; --run expects a folder that spiraltorch train made", file,
                 std::strerror(errno));
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  check<IoError>(!stream.bad(), "evaluate: cannot read {}", file);
  return parse_config(file, text);
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
