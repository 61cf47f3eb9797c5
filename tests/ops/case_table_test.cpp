// Runs the case table (tests/reference): one test a line, named op.line. Each case in float64 and float32, in
// three memory layouts, on the CPU and on the shadow device: values and gradients against PyTorch's, dtypes,
// devices, inputs left as they were; small smooth cases against differences, first and second derivatives,
// and second gradients on the shadow device against the CPU's. Then each op's bad calls on both devices: type
// and text of the error.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/autograd/gradcheck.h"
#include "spiraltorch/ops/compare.h"
#include "tests/support/compare.h"
#include "tests/support/reference.h"
#include "tests/support/shadow_device.h"

namespace st::test {
namespace {

constexpr int64_t kSmall = 48;  // elements of all inputs together, for differences to be quick

class Runner {
 public:
  Runner(const Table& table, const Case& one)
      : table_(table), case_(one), reference_(reference_of(table.op)) {}

  void check_all() {
    for (const DType dtype : {DType::float64, DType::float32}) {
      if (!case_.has_float && dtype == DType::float32) continue;
      for (const char* layout : {"", "transposed", "strided"}) {
        if (*layout && !table_.any_layout) continue;
        for (const Device device : {Device(Device::cpu), shadow_device()}) {
          SCOPED_TRACE(case_.key + (case_.has_float ? ", " + std::string(dtype_name(dtype)) : "") +
                       (*layout ? ", " : "") + layout + ", on " + to_text(device));
          check_run(dtype, layout, device);
        }
      }
    }
    SCOPED_TRACE(case_.key);
    check_differences();
  }

 private:
  const Tensor* find(const std::string& name) const { return reference_.find(case_.key + "/" + name); }

  // Fresh input tensors; those that autograd should follow are leaves that require a gradient.
  std::vector<Tensor> make_inputs(DType dtype, const std::string& layout, Device device = {}) const {
    std::vector<Tensor> inputs;
    for (const Json& spec : case_.in) {
      if (!is_tensor_spec(spec)) continue;
      const Tensor* stored = find("x" + std::to_string(inputs.size()));
      if (!stored) throw std::runtime_error("no reference for " + case_.key + "; run make_reference.py");
      const bool is_float = spec.value("dtype", "float") == "float";
      const Tensor x = arrange(is_float ? stored->to(dtype) : *stored,
                               layout.empty() ? spec.value("layout", "contiguous") : layout);
      if (is_floating(x.dtype()) && spec.value("grad", true) && table_.differentiable) x.requires_grad_();
      inputs.push_back(device == Device::cpu ? x : moved(x, device));
    }
    return inputs;
  }

  // Whether the op updates the i-th of the tensors given.
  bool is_written(size_t i) const {
    for (size_t entry = 0; entry < case_.in.size(); ++entry) {
      if (is_tensor_spec(case_.in[entry]) && i-- == 0)
        return std::count(table_.writes.begin(), table_.writes.end(), entry) > 0;
    }
    return false;
  }

  std::vector<Tensor> outputs_of(const std::vector<Tensor>& inputs) const {
    std::vector<Tensor> outputs = call(table_, case_, inputs);
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (is_written(i)) outputs.push_back(inputs[i]);
    }
    return outputs;
  }

  Expected expected(const std::string& name, DType dtype) const {
    const Tensor* truth = find(name);
    if (!truth) throw std::runtime_error("no reference for " + case_.key + "/" + name);
    const Tensor* own = dtype == DType::float32 ? find(name + "_32") : nullptr;
    const Tensor* absolute = find(name + "_scale");
    return {*truth, own ? *own : Tensor(), absolute ? *absolute : Tensor()};
  }

  void check_run(DType dtype, const std::string& layout, Device device) {
    const std::vector<Tensor> inputs = make_inputs(dtype, layout, device);
    std::vector<uint64_t> versions;
    std::vector<Tensor> before;
    for (const Tensor& x : inputs) {
      versions.push_back(x.version());
      before.push_back(arrange(moved(x, Device::cpu), "contiguous"));
    }
    const std::vector<Tensor> outputs = outputs_of(inputs);
    for (size_t i = 0; i < outputs.size(); ++i) {
      EXPECT_TRUE(outputs[i].device() == device) << "output " << i;
      EXPECT_TRUE(matches(outputs[i], expected("y" + std::to_string(i), dtype),
                          case_.value.value_or(table_.value), table_.float64))
          << "output " << i;
    }
    EXPECT_FALSE(find("y" + std::to_string(outputs.size()))) << "PyTorch has more outputs";
    check_gradients(dtype, inputs, outputs);
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (is_written(i)) continue;
      EXPECT_EQ(inputs[i].version(), versions[i]) << "input " << i << " was written to";
      const Tensor after = arrange(moved(inputs[i], Device::cpu), "contiguous");
      EXPECT_EQ(std::memcmp(after.in().data, before[i].in().data,
                            static_cast<size_t>(after.numel()) * item_size(after.dtype())),
                0)
          << "input " << i << " has changed";
    }
  }

  void check_gradients(DType dtype, const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs) {
    std::vector<Tensor> active, cotangents, wanted;
    std::vector<size_t> positions;
    for (size_t i = 0; i < outputs.size(); ++i) {
      const Tensor* dy = find("dy" + std::to_string(i));
      if (!dy) continue;
      ASSERT_TRUE(outputs[i].requires_grad()) << "output " << i << " has no gradient";
      active.push_back(outputs[i]);
      cotangents.push_back(dy->to(outputs[i].dtype()).to(outputs[i].device()));
    }
    if (active.empty()) return;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].requires_grad()) continue;
      wanted.push_back(inputs[i]);
      positions.push_back(i);
    }
    const std::vector<Tensor> gradients =
        grad(active, wanted, {.grad_outputs = cotangents, .allow_unused = true});
    for (size_t i = 0; i < gradients.size(); ++i) {
      const std::string name = "g" + std::to_string(positions[i]);
      if (!find(name)) {
        EXPECT_FALSE(gradients[i].defined()) << name << ": PyTorch has none";
        continue;
      }
      if (!gradients[i].defined() && find(name)->numel() == 0) continue;  // undefined means zero
      EXPECT_TRUE(matches(gradients[i], expected(name, dtype), case_.gradient.value_or(table_.gradient),
                          table_.float64))
          << name;
      EXPECT_TRUE(gradients[i].device() == inputs[positions[i]].device()) << name;
    }
  }

  void check_differences() {
    if (!table_.differentiable || !case_.smooth || !case_.has_float || !find("dy0")) return;
    const std::vector<Tensor> inputs = make_inputs(DType::float64, "");
    int64_t size = 0;
    for (const Tensor& x : inputs) size += x.requires_grad() ? x.numel() : 0;
    if (size == 0 || size > kSmall) return;
    const TensorFunction f = [this](const std::vector<Tensor>& given) { return call(table_, case_, given); };
    EXPECT_TRUE(gradcheck(f, inputs));
    if (table_.second) {
      EXPECT_TRUE(gradgradcheck(f, inputs));
      check_second_gradients_elsewhere();
    }
  }

  // The gradients of the first gradients, by inputs and by what came from above.
  std::vector<Tensor> second_gradients(Device device) const {
    std::vector<Tensor> wanted, active, cotangents;
    const std::vector<Tensor> inputs = make_inputs(DType::float64, "", device);
    const std::vector<Tensor> outputs = outputs_of(inputs);
    for (const Tensor& x : inputs) {
      if (x.requires_grad()) wanted.push_back(x);
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      const Tensor* dy = find("dy" + std::to_string(i));
      if (!dy) continue;
      active.push_back(outputs[i]);
      cotangents.push_back(moved(dy->to(outputs[i].dtype()), device));
      cotangents.back().requires_grad_();
    }
    std::vector<Tensor> first, seeds;
    for (const Tensor& g :
         grad(active, wanted, {.grad_outputs = cotangents, .create_graph = true, .allow_unused = true})) {
      if (!g.defined() || !g.requires_grad()) continue;
      first.push_back(g);
      seeds.push_back(g.detach());
    }
    if (first.empty()) return {};
    wanted.insert(wanted.end(), cotangents.begin(), cotangents.end());
    return grad(first, wanted, {.grad_outputs = seeds, .allow_unused = true});
  }

  // By the same kernels, so to the bit.
  void check_second_gradients_elsewhere() {
    const std::vector<Tensor> here = second_gradients(Device::cpu), there = second_gradients(shadow_device());
    ASSERT_EQ(here.size(), there.size());
    for (size_t i = 0; i < here.size(); ++i) {
      ASSERT_EQ(here[i].defined(), there[i].defined()) << "second gradient " << i;
      if (!here[i].defined()) continue;
      EXPECT_TRUE(there[i].device() == shadow_device()) << "second gradient " << i;
      EXPECT_TRUE(equal(here[i], there[i].to(Device::cpu))) << "second gradient " << i;
    }
  }

  const Table& table_;
  const Case& case_;
  const StateDict& reference_;
};

class LineTest : public testing::Test {
 public:
  LineTest(const Table& table, const Line& line) : table_(table), line_(line) {}
  void TestBody() override {
    for (const Case& one : line_.cases) Runner(table_, one).check_all();
  }

 private:
  const Table& table_;
  const Line& line_;
};

std::string kind_of(const Error& e) {
  if (dynamic_cast<const ShapeError*>(&e)) return "ShapeError";
  if (dynamic_cast<const DTypeError*>(&e)) return "DTypeError";
  if (dynamic_cast<const ValueError*>(&e)) return "ValueError";
  if (dynamic_cast<const IndexError*>(&e)) return "IndexError";
  return "Error";
}

class ErrorTest : public testing::Test {
 public:
  explicit ErrorTest(const Table& table) : table_(table) {}
  void TestBody() override {
    for (const BadCall& bad : table_.errors) {
      for (const Device device : {Device(Device::cpu), shadow_device()}) {
        SCOPED_TRACE(bad.call.key + " on " + to_text(device));
        try {
          call(table_, bad.call, inputs_of(bad.call, device));
          ADD_FAILURE() << "was not refused";
        } catch (const Error& e) {
          EXPECT_EQ(kind_of(e), bad.error);
          EXPECT_EQ(e.what(), bad.text);
        }
      }
    }
  }

 private:
  // Zeros of the given shapes, or the listed values.
  static std::vector<Tensor> inputs_of(const Case& one, Device device) {
    std::vector<Tensor> inputs;
    for (const Json& spec : one.in) {
      if (!is_tensor_spec(spec)) continue;
      const std::string dtype = spec.value("dtype", "float");
      std::vector<double> values(
          static_cast<size_t>(numel_of(Dims(spec.at("shape").get<std::vector<int64_t>>()))));
      if (spec.contains("values")) values = spec.at("values").get<std::vector<double>>();
      const Tensor x = empty(spec.at("shape").get<std::vector<int64_t>>(), DType::float64);
      std::copy(values.begin(), values.end(), x.mutable_data<double>().begin());
      inputs.push_back(moved(arrange(x.to(dtype == "float" ? DType::float32 : dtype_by_name(dtype)),
                                     spec.value("layout", "contiguous")),
                             device));
    }
    return inputs;
  }

  const Table& table_;
};

class BrokenTable : public testing::Test {
 public:
  explicit BrokenTable(std::string what) : what_(std::move(what)) {}
  void TestBody() override { FAIL() << what_; }

 private:
  std::string what_;
};

template <class Make>
void add_test(const std::string& op, const std::string& name, Make make) {
  testing::RegisterTest(op.c_str(), name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                        [make]() -> testing::Test* { return make(); });
}

// Runs before main: the tests are known when Google Test lists them.
const bool registered = [] {
  try {
    static const std::vector<Table> tables = read_tables();
    for (const Table& table : tables) {
      for (const Line& line : table.lines)
        add_test(table.op, line.name, [&table, &line] { return new LineTest(table, line); });
      if (!table.errors.empty()) add_test(table.op, "errors", [&table] { return new ErrorTest(table); });
    }
  } catch (const std::exception& e) {
    add_test("case_table", "reads", [what = std::string(e.what())] { return new BrokenTable(what); });
  }
  return true;
}();

}  // namespace
}  // namespace st::test
