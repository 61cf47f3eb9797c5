// Fields to tensors and back.
#include "spiraltorch/optim/field_state.h"

#include <cmath>
#include <set>
#include <type_traits>

#include "spiraltorch/ops/creation.h"

namespace st::optim {
namespace {

template <class T>
constexpr bool is_list = std::is_same_v<T, std::vector<double>> || std::is_same_v<T, std::vector<int64_t>>;
template <class T>
constexpr bool is_count = std::is_same_v<T, int64_t> || std::is_same_v<T, std::vector<int64_t>>;

// f(x) for the value x of a field, whatever its type.
template <class F>
auto with_value(const Fields::Field& field, const F& f) {
  return std::visit([&](auto* x) { return f(*x); }, field.value);
}

bool is_whole(double x) { return x >= 0 && x < 0x1p63 && x == std::trunc(x); }

}  // namespace

Tensor saved(const Fields::Field& field) {
  return with_value(field, []<class T>(const T& x) {
    if constexpr (std::is_same_v<T, Tensor>) {
      return x.defined() ? x.detach() : x;
    } else if constexpr (is_list<T>) {
      return tensor(x);
    } else {
      return tensor(Scalar(x), dtype_of<T>());
    }
  });
}

std::string problem_of(const Fields::Field& field, const Tensor& value) {
  if (!value.defined()) return "is undefined";
  return with_value(field, [&]<class T>(const T& x) -> std::string {
    if constexpr (std::is_same_v<T, Tensor>) {
      return value.is_floating_point() ? "" : "is " + to_text(value.dtype()) + ", a floating dtype is needed";
    } else {
      if constexpr (is_list<T>) {
        const Shape shape{static_cast<int64_t>(x.size())};
        if (value.shape() != shape) {
          return "has the shape " + to_text(value.shape()) + ", " + to_text(shape) + " is needed";
        }
      } else if (value.dim() != 0) {
        return "is " + to_text(value.shape()) + ", a single number is needed";
      }
      for (double element : value.to_vector<double>()) {
        if (std::isnan(element) || (std::isinf(element) && !field.unbounded)) return "is " + to_text(element);
        if (is_count<T> && !is_whole(element)) {
          return "is " + to_text(element) + ", a whole number of at least 0 is needed";
        }
      }
      return "";
    }
  });
}

void set(const Fields::Field& field, const Tensor& value, DType dtype, Device device) {
  with_value(field, [&]<class T>(T& x) {
    if constexpr (std::is_same_v<T, Tensor>) {
      const Tensor near = value.detach().to(dtype).to(device);
      x = near.storage() == value.storage() ? near.clone() : near;
    } else if constexpr (is_list<T>) {
      x = value.to_vector<typename T::value_type>();
    } else {
      x = value.item<T>();
    }
  });
}

StateDict save(const std::vector<Fields::Field>& fields) {
  StateDict dict;
  for (const auto& field : fields) dict.insert(field.name, saved(field));
  return dict;
}

void load(const char* who, const std::vector<Fields::Field>& fields, const StateDict& from,
          const std::function<void()>& check) {
  std::string problems;
  std::set<std::string> known;
  for (const auto& field : fields) {
    known.insert(field.name);
    const Tensor* value = from.find(field.name);
    const std::string problem = value ? problem_of(field, *value) : "";
    if (!value && !field.optional) problems += "\n  missing: \"" + field.name + "\"";
    if (!problem.empty()) problems += "\n  \"" + field.name + "\" " + problem;
  }
  for (const auto& [name, value] : from) {
    if (!known.contains(name)) problems += "\n  unexpected: \"" + name + "\"";
  }
  st::check<ValueError>(problems.empty(), "load_state_dict: the state dict does not fit {}:{}", who,
                        problems);
  const auto fill = [&](const StateDict& values) {
    for (const auto& field : fields) {
      if (const Tensor* value = values.find(field.name)) set(field, *value);
    }
  };
  const StateDict before = save(fields);
  fill(from);
  try {
    check();
  } catch (const ValueError&) {
    fill(before);
    throw;
  }
}

void check_rates(const char* name, const std::vector<double>& rates) {
  for (double rate : rates) {
    check<ValueError>(rate >= 0, "load_state_dict: {} must be at least 0, got {}", name, rate);
  }
}

}  // namespace st::optim
