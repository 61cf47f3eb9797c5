// How the tables of public functions are run.
#include "tests/support/wrong_arguments.h"

#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <utility>

#include "spiraltorch/backend/storage.h"
#include "spiraltorch/core/error.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/shadow_device.h"

namespace st::test {
namespace {

// Its elements in memory that may not be written to.
Tensor read_only(const Tensor& x) {
  const Tensor copy = contiguous(x).clone();
  auto impl = std::make_shared<TensorImpl>(*copy.handle());
  impl->storage = Storage::external(
      const_cast<void*>(copy.in().data), copy.storage()->bytes(), [copy](void*) {}, true);
  return Tensor(impl);
}

// What stands in for a tensor, in groups: shapes of float32, dtypes, values, layouts, and of its own shape
// and dtype what cannot be written to.
std::vector<Tensors> other_tensors(const Tensor& right) {
  std::vector<Tensors> groups(5);
  for (const Shape& shape :
       {Shape{}, Shape{0}, Shape{1}, Shape{7}, Shape{0, 3}, Shape{2, 0}, Shape{5, 7}, Shape{3, 2},
        Shape{2, 3, 4}, Shape{0, 0, 0}, Shape{2, 3, 1, 1}, Shape{1, 1, 1, 1, 1, 1, 1, 2}})
    groups[0].push_back(ones(shape));
  for (const DType dtype : {DType::bool_, DType::uint8, DType::int32, DType::int64, DType::bfloat16,
                            DType::float16, DType::float64})
    groups[1].push_back(full({2, 3}, 1, dtype));
  for (const DType dtype : {DType::int64, DType::int32}) {
    groups[2].push_back(full({2}, -1, dtype));
    groups[2].push_back(full({2, 3}, 99, dtype));
  }
  groups[3] = {matrix(3, 2).t(), expand(ones({1, 3}), {2, 3})};
  const Tensor first = narrow(reshape(right, {-1}), 0, 0, 1);
  const Shape one_element = Dims::filled(static_cast<int>(right.dim()), 1);
  groups[4] = {expand(reshape(first.clone(), one_element), right.shape()), read_only(right)};
  return groups;
}

Ints other_ints() {
  constexpr int64_t low = std::numeric_limits<int64_t>::min(), high = std::numeric_limits<int64_t>::max();
  return {low, low + 1, -100, -3, -2, -1, 0, 1, 2, 3, 100, high / 4, high - 1, high};
}

DTypes other_dtypes() {
  return {DType::bool_,    DType::uint8,   DType::int32,   DType::int64,
          DType::bfloat16, DType::float16, DType::float32, DType::float64};
}

struct Before {
  explicit Before(const Tensors& tensors) {
    for (const Tensor& x : tensors) {
      versions.push_back(x.defined() ? x.version() : 0);
      const Tensor near = x.defined() ? x.to(Device::cpu).detach() : x;
      values.push_back(near.defined() ? near.clone() : near);
    }
  }
  bool same(const Tensors& tensors) const {
    for (size_t i = 0; i < tensors.size(); ++i) {
      if (!tensors[i].defined()) continue;
      if (tensors[i].version() != versions[i]) return false;
      const Tensor now = contiguous(tensors[i].to(Device::cpu)), then = contiguous(values[i]);
      if (now.shape() != then.shape() || now.dtype() != then.dtype()) return false;
      const size_t bytes = static_cast<size_t>(now.numel()) * item_size(now.dtype());
      if (bytes > 0 && std::memcmp(now.in().data, then.in().data, bytes) != 0) return false;
    }
    return true;
  }
  std::vector<uint64_t> versions;
  Tensors values;
};

enum class Outcome { works, refused };

// Whether an error is "name: the rule, the values". Values are numbers and shapes, dtypes, devices, paths,
// and that there is none.
bool is_of_the_form(const std::string& text, const std::string& names) {
  static const std::regex values("[0-9/]|\\(\\)|bool|cpu|undefined");
  const size_t colon = text.find(": ");
  return colon != std::string::npos &&
         ("|" + names + "|").find("|" + text.substr(0, colon) + "|") != std::string::npos &&
         std::regex_search(text.substr(colon + 2), values);
}

Outcome attempt(const Function& f, const Tensors& tensors, const Ints& ints, const DTypes& dtypes) {
  const Before before(tensors);
  try {
    f.call(tensors, ints, dtypes);
    return Outcome::works;
  } catch (const Error& e) {
    EXPECT_TRUE(is_of_the_form(e.what(), f.name)) << e.what();
    EXPECT_TRUE(before.same(tensors)) << "has changed an argument and then thrown: " << e.what();
  } catch (const std::exception& e) {
    ADD_FAILURE() << "throws no st::Error: " << e.what();
  }
  return Outcome::refused;
}

std::string described(const Tensor& x) {
  return x.defined()
             ? std::string(dtype_name(x.dtype())) + " " + to_text(x.shape()) + " on " + to_text(x.device())
             : "undefined";
}

Tensors copies(const Tensors& tensors) {
  Tensors all;
  for (const Tensor& x : tensors) all.push_back(x.clone());
  return all;
}

// Below its comments the file must hold these lines, and no others.
void expect_lines(const std::string& path, const std::vector<std::string>& lines) {
  std::ifstream file(path);
  std::set<std::string> listed, given(lines.begin(), lines.end());
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("#")) listed.insert(line);
  }
  for (const std::string& line : lines) EXPECT_TRUE(listed.count(line)) << path << " lacks\n" << line;
  for (const std::string& line : listed)
    EXPECT_TRUE(given.count(line)) << path << " lists what is not so\n" << line;
}

}  // namespace

Tensor matrix(int64_t rows, int64_t columns) {
  return reshape(arange(0, rows * columns, 1, DType::float32), {rows, columns});
}

void expect_right_ones_are_taken(const Functions& functions) {
  for (const Function& f : functions) {
    SCOPED_TRACE(f.name);
    EXPECT_NO_THROW(f.call(copies(f.tensors), f.ints, f.dtypes));
  }
}

void expect_undefined_are_refused(const Functions& functions) {
  for (const Function& f : functions) {
    for (size_t i = 0; i < f.tensors.size(); ++i) {
      SCOPED_TRACE(f.name + ", tensor " + std::to_string(i) + " is undefined");
      Tensors tensors = copies(f.tensors);
      tensors[i] = Tensor();
      const Outcome outcome = attempt(f, tensors, f.ints, f.dtypes);
      EXPECT_TRUE(outcome == Outcome::refused || i + f.optional >= f.tensors.size());
    }
  }
}

void expect_other_devices_are_refused(const Functions& functions) {
  for (const Function& f : functions) {
    if (f.tensors.size() < 2) continue;
    for (size_t i = 0; i < f.tensors.size(); ++i) {
      SCOPED_TRACE(f.name + ", tensor " + std::to_string(i) + " is on another device");
      Tensors tensors = copies(f.tensors);
      tensors[i] = tensors[i].to(shadow_device());
      const Outcome outcome = attempt(f, tensors, f.ints, f.dtypes);
      EXPECT_TRUE(outcome == Outcome::refused || f.crosses_devices);
    }
  }
}

void expect_others_are_refused_as_listed(const Functions& functions, const std::string& folder) {
  std::map<std::string, int> calls;  // how many rows of a name there were
  std::vector<std::string> lines;
  for (const Function& f : functions) {
    const std::string row = f.name + " " + std::to_string(++calls[f.name]);
    std::string marks;
    const auto mark = [&](const Tensors& tensors, const Ints& ints, const DTypes& dtypes) {
      marks += attempt(f, tensors, ints, dtypes) == Outcome::works ? '+' : '-';
    };
    const auto end_line = [&](const char* kind, size_t i) {
      lines.push_back(row + ", " + kind + " " + std::to_string(i) + ":" + std::exchange(marks, ""));
    };
    for (size_t i = 0; i < f.tensors.size(); ++i) {
      for (const Tensors& group : other_tensors(f.tensors[i])) {
        marks += ' ';
        for (const Tensor& other : group) {
          SCOPED_TRACE(row + ", tensor " + std::to_string(i) + " is " + described(other));
          Tensors tensors = copies(f.tensors);
          tensors[i] = other;
          mark(tensors, f.ints, f.dtypes);
        }
      }
      end_line("tensor", i);
    }
    for (size_t i = 0; i < f.ints.size(); ++i) {
      marks += ' ';
      for (const int64_t value : other_ints()) {
        SCOPED_TRACE(row + ", int " + std::to_string(i) + " is " + std::to_string(value));
        Ints ints = f.ints;
        ints[i] = value;
        mark(copies(f.tensors), ints, f.dtypes);
      }
      end_line("int", i);
    }
    for (size_t i = 0; i < f.dtypes.size(); ++i) {
      marks += ' ';
      for (const DType dtype : other_dtypes()) {
        SCOPED_TRACE(row + ", dtype " + std::to_string(i) + " is " + to_text(dtype));
        DTypes dtypes = f.dtypes;
        dtypes[i] = dtype;
        mark(copies(f.tensors), f.ints, dtypes);
      }
      end_line("dtype", i);
    }
  }
  expect_lines(folder + "/wrong_arguments.txt", lines);
}

}  // namespace st::test
