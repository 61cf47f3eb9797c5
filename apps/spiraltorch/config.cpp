// config.json is written from, and read into, the one list of fields in for_each_field.
#include "apps/spiraltorch/config.h"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "spiraltorch/core/check.h"
#include "spiraltorch/core/version.h"

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
  f("mode", c.mode);
  f("curvature", c.curvature);
  f("rule", c.rule);
  f("lr", c.lr);
  f("warmup", c.warmup);
  f("amp", c.amp);
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

Config parse_config(const std::string& file, const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  check<IoError>(json.is_object(), "{} is not a JSON object", file);
  Config config;
  for_each_field(config, [&](const char* name, auto& value) {
    check<IoError>(json.contains(name), "{} lacks \"{}\"", file, name);
    check<IoError>(read_value(json.at(name), value), "{}: \"{}\" has the wrong type: {}", file, name,
                   text_of(json.at(name)));
  });
  // What no training writes. A model of another size would be made before the weights are found not to fit
  // it.
  check<IoError>(config.height >= 1 && config.width >= 1 && config.height <= kLargestSide &&
                     config.width <= kLargestSide && config.classes >= 1 && config.classes <= kLargestSide,
                 "{}: images of {} x {} in {} classes are not to be had", file, config.height, config.width,
                 config.classes);
  const auto check_one_of = [&](const char* name, const std::string& value,
                                std::initializer_list<std::string_view> allowed) {
    check<IoError>(std::ranges::find(allowed, value) != allowed.end(), "{}: \"{}\" is \"{}\"", file, name,
                   value);
  };
  check_one_of("mode", config.mode, {"euclidean", "realgrad", "hypergrad"});
  check_one_of("rule", config.rule, {"plain", "momentum", "adam"});
  check_one_of("amp", config.amp, {"off", "bf16"});
  check<IoError>(config.curvature < 0, "{}: \"curvature\" is {}, expected less than 0", file,
                 config.curvature);
  check<IoError>(config.lr > 0 && config.epochs >= 1 && config.warmup >= 0,
                 "{}: \"lr\" {}, \"epochs\" {} or \"warmup\" {} is out of range", file, config.lr,
                 config.epochs, config.warmup);
  check<IoError>(config.batch >= 1, "{}: \"batch\" is {}, expected at least 1", file, config.batch);
  check<IoError>(config.deviation > 0, "{}: \"deviation\" is {}, expected more than 0", file,
                 config.deviation);
  check<IoError>(config.threads >= 0, "{}: \"threads\" is {}, expected 0 or more", file, config.threads);
  return config;
}

std::string format_config(const Config& config) {
  nlohmann::ordered_json json = {{"spiraltorch", std::string(st::version())}};
  for_each_field(config, [&](const char* name, const auto& value) { json[name] = value; });
  return json.dump(2) + "\n";
}

}  // namespace tool
