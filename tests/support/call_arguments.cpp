// How the arguments of a call are found in JSON.
#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "tests/support/calls.h"

namespace st::test {
namespace {

bool is_number(const Json& value) {
  return value.is_number() || value.is_boolean() || value == "inf" || value == "-inf" || value == "nan";
}

double real_of(const Json& value) {
  if (value == "inf") return std::numeric_limits<double>::infinity();
  if (value == "-inf") return -std::numeric_limits<double>::infinity();
  if (value == "nan") return std::nan("");
  return value.is_boolean() ? value.get<bool>() : value.get<double>();
}

Scalar scalar_of(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<int64_t>();
  return real_of(value);
}

}  // namespace

Call::Call(const std::string& names, const Json& positional, const Json& named, std::vector<Tensor> tensors)
    : tensors_(std::move(tensors)) {
  std::istringstream stream(names);
  std::vector<std::string> parameters;
  for (std::string name; stream >> name;) parameters.push_back(name);
  if (positional.size() > parameters.size())
    throw NotExpressible("more than " + std::to_string(parameters.size()) + " positional arguments");
  for (size_t i = 0; i < positional.size(); ++i) {
    if (!positional[i].is_null()) arguments_[parameters[i]] = positional[i];
  }
  for (const auto& [name, value] : named.items()) {
    if (value.is_null()) continue;
    if (std::find(parameters.begin(), parameters.end(), name) == parameters.end())
      throw NotExpressible("argument " + name);
    arguments_[name] = value;
  }
}

const Json& Call::at(const std::string& name) const {
  const auto found = arguments_.find(name);
  if (found == arguments_.end()) throw NotExpressible("without argument " + name);
  return found->second;
}

template <class Test>
const Json& Call::checked(const std::string& name, const char* wanted, Test test) const {
  const Json& value = at(name);
  if (!test(value)) throw NotExpressible("argument " + name + " is " + value.dump() + ", not " + wanted);
  return value;
}

Tensor Call::tensor(const std::string& name) const {
  return tensors_.at(checked(name, "a tensor", [](const Json& v) { return v.is_object(); }).at("tensor"));
}

Tensor Call::optional_tensor(const std::string& name) const { return has(name) ? tensor(name) : Tensor(); }

std::vector<Tensor> Call::tensors(const std::string& name) const {
  std::vector<Tensor> list;
  for (const Json& value : checked(name, "a list of tensors", [](const Json& v) {
         return v.is_array() && std::all_of(v.begin(), v.end(), [](const Json& e) { return e.is_object(); });
       }))
    list.push_back(tensors_.at(value.at("tensor")));
  return list;
}

Scalar Call::scalar(const std::string& name) const { return scalar_of(checked(name, "a number", is_number)); }

Scalar Call::scalar(const std::string& name, Scalar otherwise) const {
  return has(name) ? scalar(name) : otherwise;
}

std::optional<Scalar> Call::optional_scalar(const std::string& name) const {
  if (!has(name)) return {};
  return scalar(name);
}

int64_t Call::integer(const std::string& name) const {
  return checked(name, "an integer", [](const Json& v) { return v.is_number_integer(); }).get<int64_t>();
}

int64_t Call::integer(const std::string& name, int64_t otherwise) const {
  return has(name) ? integer(name) : otherwise;
}

std::optional<int64_t> Call::optional_integer(const std::string& name) const {
  if (!has(name)) return {};
  return integer(name);
}

double Call::real(const std::string& name, double otherwise) const {
  return has(name) ? real_of(checked(name, "a number", is_number)) : otherwise;
}

bool Call::flag(const std::string& name, bool otherwise) const {
  if (!has(name)) return otherwise;
  return checked(name, "true or false", [](const Json& v) { return v.is_boolean(); }).get<bool>();
}

std::string Call::text(const std::string& name, const std::string& otherwise) const {
  if (!has(name)) return otherwise;
  return checked(name, "a string", [](const Json& v) { return v.is_string(); }).get<std::string>();
}

DType Call::dtype(const std::string& name) const { return dtype_by_name(text(name, "")); }

DType Call::dtype(const std::string& name, DType otherwise) const {
  return has(name) ? dtype(name) : otherwise;
}

const Json& Call::list(const std::string& name) const {
  return checked(name, "a list", [](const Json& v) { return v.is_array(); });
}

std::vector<int64_t> Call::integers(const std::string& name) const {
  if (!is_list(name)) return {integer(name)};
  return checked(name, "a list of integers",
                 [](const Json& v) {
                   return std::all_of(v.begin(), v.end(),
                                      [](const Json& e) { return e.is_number_integer(); });
                 })
      .get<std::vector<int64_t>>();
}

Pair pair(const Call& c, const std::string& name, Pair otherwise) {
  if (!c.has(name)) return otherwise;
  const std::vector<int64_t> values = c.integers(name);
  if (values.size() > 2) throw NotExpressible("more than 2 numbers in " + name);
  if (values.empty()) return otherwise;
  return values.size() == 1 ? Pair(values[0]) : Pair(values[0], values[1]);
}

PadMode pad_mode(const Call& c, const std::string& name) {
  const std::string mode = c.text(name, "zeros");
  if (mode == "zeros" || mode == "constant") return PadMode::zeros;
  if (mode == "reflect") return PadMode::reflect;
  if (mode == "replicate") return PadMode::replicate;
  if (mode == "circular") return PadMode::circular;
  throw NotExpressible(name + " \"" + mode + "\"");
}

Padding padding(const Call& c) {
  if (c.has("padding") && !c.is_list("padding")) {
    try {
      return Padding(c.text("padding", "").c_str());
    } catch (const NotExpressible&) {  // a number
    }
  }
  return pair(c, "padding", 0);
}

Pair output_size(const Call& c) {
  if (!c.is_list("output_size")) return c.has("output_size") ? Pair(c.integer("output_size")) : Pair(-1);
  const auto side = [](const Json& v) { return v.is_null() ? int64_t{-1} : v.get<int64_t>(); };
  const Json& list = c.list("output_size");
  if (list.empty() || list.size() > 2) throw NotExpressible("other than 1 or 2 numbers in output_size");
  return list.size() == 1 ? Pair(side(list[0])) : Pair(side(list.at(0)), side(list.at(1)));
}

DType dtype_by_name(const std::string& name) {
  for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::float16, DType::int64,
                            DType::int32, DType::uint8, DType::bool_}) {
    if (dtype_name(dtype) == name) return dtype;
  }
  throw NotExpressible("dtype " + name);
}

}  // namespace st::test
