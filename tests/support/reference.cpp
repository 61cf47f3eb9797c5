// The format of the table (tests/reference/README.md), and memory layouts made by hand, without the library's
// copies.
#include "tests/support/reference.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "spiraltorch/io/safetensors.h"

namespace st::test {
namespace {

// A function and not a constant: tables are read before main, when constants of other files may not be there.
std::filesystem::path folder() { return std::filesystem::path(SPIRALTORCH_TESTS_DIR) / "reference"; }

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

// The same rule as substitute() in make_reference.py: "$N" alone becomes the value, inside a text its text.
Json substitute(const Json& value, const std::map<std::string, Json>& names) {
  if (value.is_string()) {
    std::string text = value;
    if (text.starts_with("$") && names.contains(text.substr(1))) return names.at(text.substr(1));
    for (const auto& [name, replacement] : names) {
      for (size_t at; (at = text.find("$" + name)) != std::string::npos;)
        text.replace(at, name.size() + 1, text_of(replacement));
    }
    return text;
  }
  Json result = value;
  if (value.is_structured()) {
    for (auto& [key, entry] : result.items()) entry = substitute(entry, names);
  }
  return result;
}

Tolerance make_tolerance(const Json& json) {
  Tolerance tolerance{json.at("k"), json.at("scale")};
  if (json.at("why").get<std::string>().empty()) throw std::runtime_error("a tolerance needs its reason");
  if (tolerance.scale != "value" && tolerance.scale != "absolute" && tolerance.scale != "largest")
    throw std::runtime_error("unknown scale " + tolerance.scale);
  return tolerance;
}

Case make_case(const Json& json, std::string key) {
  Case one;
  one.key = std::move(key);
  one.named = json.value("args", Json::object());
  one.smooth = json.value("smooth", true);
  const Json tolerance = json.value("tolerance", Json::object());
  if (tolerance.contains("value")) one.value = make_tolerance(tolerance.at("value"));
  if (tolerance.contains("gradient")) one.gradient = make_tolerance(tolerance.at("gradient"));
  for (const Json& entry : json.at("in")) {
    const Json spec = entry.is_array() ? Json{{"shape", entry}} : entry;
    if (is_tensor_spec(spec)) {
      const Json values = spec.value("values", Json("normal"));
      if (values == "special" || values == "special_shifted" || values == "ties") one.smooth = false;
      if (spec.value("dtype", "float") == "float") one.has_float = true;
    }
    one.in.push_back(spec);
  }
  return one;
}

Line make_line(const Json& json) {
  Line line{json.at("name"), {}};
  // "for": [["N", [1, 2]], ["D", [0, 1]]]: every combination of the values, which are part of the key.
  std::vector<std::pair<std::map<std::string, Json>, std::string>> combinations{{{}, line.name}};
  for (const Json& loop : json.value("for", Json::array())) {
    std::vector<std::pair<std::map<std::string, Json>, std::string>> longer;
    for (const auto& [names, key] : combinations) {
      for (const Json& value : loop.at(1)) {
        auto more = names;
        more[loop.at(0)] = value;
        longer.emplace_back(std::move(more), key + "." + text_of(value));
      }
    }
    combinations = std::move(longer);
  }
  for (const auto& [names, key] : combinations) line.cases.push_back(make_case(substitute(json, names), key));
  return line;
}

Table make_table(const Json& json) {
  Table table;
  table.op = json.at("op");
  table.differentiable = json.value("differentiable", true);
  table.second = json.value("second", true);
  table.any_layout = json.value("any_layout", true);
  table.list = json.value("list", false);
  table.writes = json.value("writes", std::vector<size_t>());
  const Json& tolerance = json.at("tolerance");
  table.value = make_tolerance(tolerance.at("value"));
  if (table.differentiable) table.gradient = make_tolerance(tolerance.at("gradient"));
  table.float64 = tolerance.value("float64", 1e-12);
  for (const Json& line : json.at("cases")) table.lines.push_back(make_line(line));
  for (const Json& bad : json.value("errors", Json::array()))
    table.errors.push_back({make_case(bad, bad.at("name")), bad.at("error"), bad.at("text")});
  return table;
}

void copy_elements(const Tensor& from, const Tensor& to) {
  const size_t width = item_size(from.dtype());
  const In source = from.in();
  const Out target = to.out();
  for (int64_t i = 0; i < from.numel(); ++i) {
    int64_t position = i, read = 0, write = 0;
    for (int d = static_cast<int>(from.dim()) - 1; d >= 0; --d) {
      const int64_t at = position % from.shape()[d];
      position /= from.shape()[d];
      read += at * from.strides()[d];
      write += at * to.strides()[d];
    }
    std::memcpy(static_cast<char*>(target.data) + static_cast<size_t>(write) * width,
                static_cast<const char*>(source.data) + static_cast<size_t>(read) * width, width);
  }
}

}  // namespace

std::vector<Table> read_tables() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder() / "cases")) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Table> tables;
  for (const auto& path : paths) {
    try {
      std::ifstream file(path);
      tables.push_back(make_table(Json::parse(file)));
    } catch (const std::exception& e) {
      throw std::runtime_error(path.string() + ": " + e.what());
    }
  }
  return tables;
}

const StateDict& reference_of(const std::string& op) {
  static std::map<std::string, StateDict> files;
  const auto found = files.find(op);
  if (found != files.end()) return found->second;
  return files[op] = io::load_safetensors((folder() / "values" / (op + ".safetensors")).string());
}

Tensor arrange(const Tensor& x, const std::string& layout) {
  Tensor target;
  if (layout == "contiguous") {
    target = empty(x.shape(), x.dtype());
  } else if (layout == "transposed") {
    Shape reversed;
    Strides strides;
    for (int d = x.shape().size() - 1; d >= 0; --d) reversed.push_back(x.shape()[d]);
    const Strides in_memory = contiguous_strides(reversed);
    for (int d = in_memory.size() - 1; d >= 0; --d) strides.push_back(in_memory[d]);
    target = make_view(empty(reversed, x.dtype()), x.shape(), strides, 0);
  } else if (layout == "strided") {
    const Tensor block = empty({2 * x.numel() + 1}, x.dtype());
    Strides strides = contiguous_strides(x.shape());
    for (int64_t& stride : strides) stride *= 2;
    target = make_view(block, x.shape(), strides, 1);
  } else {
    throw std::runtime_error("unknown layout " + layout);
  }
  copy_elements(x, target);
  return target;
}

std::vector<Tensor> call(const Table& table, const Case& one, const std::vector<Tensor>& tensors) {
  // Inputs stand in order as positional arguments, but for those that a named argument refers to by their
  // place.
  std::vector<size_t> by_name;
  for (const auto& [name, value] : one.named.items()) {
    if (value.is_object()) by_name.push_back(value.at("tensor"));
  }
  Json positional = Json::array();
  std::vector<Tensor> all;  // one an entry
  size_t next = 0;
  for (size_t i = 0; i < one.in.size(); ++i) {
    const Json& spec = one.in[i];
    all.push_back(is_tensor_spec(spec) ? tensors.at(next++) : Tensor());
    if (std::find(by_name.begin(), by_name.end(), i) != by_name.end()) continue;
    positional.push_back(spec.is_null()            ? Json()
                         : spec.contains("number") ? spec.at("number")
                                                   : Json{{"tensor", i}});
  }
  if (table.list) positional = Json::array({positional});
  return call(table.op, positional, one.named, all);
}

}  // namespace st::test
