// Reads the case table (tests/reference/cases/*.json) and PyTorch's numbers for it (values/*.safetensors).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "spiraltorch/tensor/state_dict.h"
#include "spiraltorch/tensor/tensor.h"
#include "tests/support/calls.h"

namespace st::test {

/// How far a result may be from the truth: k eps scale, and never more is asked than PyTorch itself does.
struct Tolerance {
  double k = 0;
  std::string scale;  // "value": the element; "absolute": the op on absolute values; "largest": of the tensor
};

/// One call of the table.
struct Case {
  std::string key;         // its tensors are KEY/x0, KEY/y0, ...
  std::vector<Json> in;    // descriptions of the inputs: null, {"number": v} or a tensor's
  Json named;              // other arguments
  bool smooth = true;      // differentiable around the inputs: gradcheck applies
  bool has_float = false;  // an input is "float": the case runs in float64 and float32
  std::optional<Tolerance> value = {}, gradient = {};  // where they differ from the table's
};

/// One line of the table: one case, or one for each combination of "for".
struct Line {
  std::string name;
  std::vector<Case> cases;
};

struct BadCall {
  Case call;
  std::string error, text;
};

/// One file of the table.
struct Table {
  std::string op;
  Tolerance value, gradient;
  double float64 = 1e-12;  // the float64 run's tolerance, times the scale
  bool differentiable = true;
  bool second = true;          // whether it has a second derivative
  bool list = false;           // the inputs are one argument, a list
  bool any_layout = true;      // whether other memory layouts must give the same
  std::vector<size_t> writes;  // inputs that the op updates
  std::vector<Line> lines;
  std::vector<BadCall> errors;
};

/// All files of the table, in the order of their names. Throws with the file's name if one is malformed.
std::vector<Table> read_tables();

/// values/OP.safetensors; read once.
const StateDict& reference_of(const std::string& op);

/// Whether this entry of a case's inputs is a tensor.
inline bool is_tensor_spec(const Json& spec) { return spec.is_object() && !spec.contains("number"); }

/// The same elements in fresh memory of another layout: "contiguous", "transposed" (the dimensions in memory
/// in opposite order) or "strided" (every second element of a larger block, from the second on).
Tensor arrange(const Tensor& x, const std::string& layout);

/// Calls the case's op with these input tensors, one for each entry of `in` that is a tensor.
std::vector<Tensor> call(const Table& table, const Case& one, const std::vector<Tensor>& tensors);

}  // namespace st::test
