// Calls of public functions by name: PyTorch's op name and arguments (JSON and tensors) to one of our
// functions. The case table and the driver of PyTorch's own cases are built on it; one line an op in
// calls.cpp.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "spiraltorch/core/pair.h"
#include "spiraltorch/ops/join.h"
#include "spiraltorch/tensor/tensor.h"

namespace st::test {

using Json = nlohmann::json;

/// A call that our C++ functions have no form for: an unknown op or argument. The text is the reason.
class NotExpressible : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The arguments of one call, looked up by PyTorch's names. A tensor among them is written {"tensor": i}: the
/// i-th of `tensors`. null, like an absent argument, means the default.
class Call {
 public:
  /// `names`: the op's parameters in order, as in "input dim keepdim". Throws NotExpressible for an argument
  /// that is not among them.
  Call(const std::string& names, const Json& positional, const Json& named, std::vector<Tensor> tensors);

  bool has(const std::string& name) const { return arguments_.contains(name); }
  bool is_tensor(const std::string& name) const { return has(name) && at(name).is_object(); }
  bool is_list(const std::string& name) const { return has(name) && at(name).is_array(); }

  Tensor tensor(const std::string& name) const;
  Tensor optional_tensor(const std::string& name) const;  // undefined when absent
  std::vector<Tensor> tensors(const std::string& name) const;
  Scalar scalar(const std::string& name) const;
  Scalar scalar(const std::string& name, Scalar otherwise) const;
  std::optional<Scalar> optional_scalar(const std::string& name) const;
  int64_t integer(const std::string& name) const;
  int64_t integer(const std::string& name, int64_t otherwise) const;
  std::optional<int64_t> optional_integer(const std::string& name) const;
  double real(const std::string& name, double otherwise) const;
  bool flag(const std::string& name, bool otherwise) const;
  std::string text(const std::string& name, const std::string& otherwise) const;
  DType dtype(const std::string& name) const;
  DType dtype(const std::string& name, DType otherwise) const;
  /// A list of integers; one integer is a list of one.
  std::vector<int64_t> integers(const std::string& name) const;
  Dims dims(const std::string& name) const { return integers(name); }
  /// One dimension, several, or (absent) all.
  Axes axes(const std::string& name) const { return has(name) ? Axes(dims(name)) : Axes(); }
  KeepDim keep() const { return flag("keepdim", false); }
  /// A list as it is written, for arguments of mixed kinds.
  const Json& list(const std::string& name) const;
  const std::vector<Tensor>& all_tensors() const { return tensors_; }

 private:
  const Json& at(const std::string& name) const;
  template <class Test>
  const Json& checked(const std::string& name, const char* wanted, Test test) const;

  std::map<std::string, Json> arguments_;
  std::vector<Tensor> tensors_;
};

/// One number for both sides, or [height, width]; `otherwise` when absent.
Pair pair(const Call& c, const std::string& name, Pair otherwise = {});
/// The argument padding: numbers or a name.
Padding padding(const Call& c);
/// The argument `name`: "zeros" or "constant", as when absent, "reflect", "replicate" or "circular".
PadMode pad_mode(const Call& c, const std::string& name);
/// The argument output_size, where null stands for the size of the input.
Pair output_size(const Call& c);

/// What a call gives: its tensors in PyTorch's order.
struct Result : std::vector<Tensor> {
  Result(Tensor y) : vector{std::move(y)} {}
  Result(std::vector<Tensor> ys) : vector(std::move(ys)) {}
  Result(const ValueIndex& pair);
};

struct Op {
  const char* name;
  const char* parameters;
  std::function<Result(const Call&)> run;
};

/// The op of that name. Throws NotExpressible.
const Op& find_op(const std::string& name);

/// The names in the table.
std::vector<std::string> op_names();

/// op(*positional, **named)
std::vector<Tensor> call(const std::string& op, const Json& positional, const Json& named,
                         const std::vector<Tensor>& tensors);

DType dtype_by_name(const std::string& name);

}  // namespace st::test
