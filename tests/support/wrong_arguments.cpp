// How the tables of public functions are run.
#include "tests/support/wrong_arguments.h"

#include <cstring>
#include <limits>

#include "spiraltorch/core/error.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/shadow_device.h"

namespace st::test {
namespace {

std::vector<Tensor> other_tensors() {
  std::vector<Tensor> all;
  for (const Shape& shape :
       {Shape{}, Shape{0}, Shape{1}, Shape{7}, Shape{0, 3}, Shape{2, 0}, Shape{5, 7}, Shape{3, 2},
        Shape{2, 3, 4}, Shape{0, 0, 0}, Shape{2, 3, 1, 1}, Shape{1, 1, 1, 1, 1, 1, 1, 2}})
    all.push_back(ones(shape));
  for (const DType dtype : {DType::bool_, DType::uint8, DType::int32, DType::int64, DType::bfloat16,
                            DType::float16, DType::float64})
    all.push_back(full({2, 3}, 1, dtype));
  for (const DType dtype : {DType::int64, DType::int32}) {
    all.push_back(full({2}, -1, dtype));
    all.push_back(full({2, 3}, 99, dtype));
  }
  all.push_back(matrix(3, 2).t());
  all.push_back(expand(ones({1, 3}), {2, 3}));
  return all;
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

Outcome attempt(const Function& f, const Tensors& tensors, const Ints& ints) {
  const Before before(tensors);
  try {
    f.call(tensors, ints);
    return Outcome::works;
  } catch (const Error& e) {
    const std::string text = e.what(), first = text.substr(0, text.find(':'));
    EXPECT_NE(("|" + f.name + "|").find("|" + first + "|"), std::string::npos) << text;
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

}  // namespace

Tensor matrix(int64_t rows, int64_t columns) {
  return reshape(arange(0, rows * columns, 1, DType::float32), {rows, columns});
}

void expect_right_ones_are_taken(const Functions& functions) {
  for (const Function& f : functions) {
    SCOPED_TRACE(f.name);
    EXPECT_NO_THROW(f.call(copies(f.tensors), f.ints));
  }
}

void expect_undefined_are_refused(const Functions& functions) {
  for (const Function& f : functions) {
    for (size_t i = 0; i < f.tensors.size(); ++i) {
      SCOPED_TRACE(f.name + ", tensor " + std::to_string(i) + " is undefined");
      Tensors tensors = copies(f.tensors);
      tensors[i] = Tensor();
      const Outcome outcome = attempt(f, tensors, f.ints);
      EXPECT_TRUE(outcome == Outcome::refused || i + f.optional >= f.tensors.size());
    }
  }
}

void try_other_tensors(const Functions& functions) {
  for (const Function& f : functions) {
    for (size_t i = 0; i < f.tensors.size(); ++i) {
      for (const Tensor& other : other_tensors()) {
        SCOPED_TRACE(f.name + ", tensor " + std::to_string(i) + " is " + described(other));
        Tensors tensors = copies(f.tensors);
        tensors[i] = other;
        attempt(f, tensors, f.ints);
      }
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
      const Outcome outcome = attempt(f, tensors, f.ints);
      EXPECT_TRUE(outcome == Outcome::refused || f.crosses_devices);
    }
  }
}

void try_other_ints(const Functions& functions) {
  constexpr int64_t low = std::numeric_limits<int64_t>::min(), high = std::numeric_limits<int64_t>::max();
  for (const Function& f : functions) {
    for (size_t i = 0; i < f.ints.size(); ++i) {
      for (const int64_t value :
           {low, low + 1, int64_t{-100}, int64_t{-3}, int64_t{-2}, int64_t{-1}, int64_t{0}, int64_t{1},
            int64_t{2}, int64_t{3}, int64_t{100}, high / 4, high - 1, high}) {
        SCOPED_TRACE(f.name + ", int " + std::to_string(i) + " is " + std::to_string(value));
        Ints ints = f.ints;
        ints[i] = value;
        attempt(f, copies(f.tensors), ints);
      }
    }
  }
}

}  // namespace st::test
