// collate: examples side by side become one batch, as torch.utils.data.default_collate makes it.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {
namespace data {

/// Tensors of one shape are stacked along a new first dimension. Integers become an int64 tensor, bools a
/// bool one, floats a float64 one. Throws ShapeError when the shapes differ.
Tensor collate(const std::vector<Tensor>& values);
Tensor collate(const std::vector<int64_t>& values);
Tensor collate(const std::vector<double>& values);
Tensor collate(const std::vector<bool>& values);

template <std::integral T>
requires(!std::same_as<T, int64_t> && !std::same_as<T, bool>) Tensor collate(const std::vector<T>& values) {
  return collate(std::vector<int64_t>(values.begin(), values.end()));
}
inline Tensor collate(const std::vector<float>& values) {
  return collate(std::vector<double>(values.begin(), values.end()));
}

/// A pair, a tuple or an array of such: one tensor for each member.
template <class Example>
requires requires { std::tuple_size<Example>::value; }
auto collate(const std::vector<Example>& examples) {
  const auto member = [&]<size_t I>(std::integral_constant<size_t, I>) {
    std::vector<std::tuple_element_t<I, Example>> column;
    column.reserve(examples.size());
    for (const Example& example : examples) column.push_back(std::get<I>(example));
    return collate(column);
  };
  return [&]<size_t... I>(std::index_sequence<I...>) {
    if constexpr (sizeof...(I) == 2) {
      return std::pair{member(std::integral_constant<size_t, I>{})...};
    } else {
      return std::tuple{member(std::integral_constant<size_t, I>{})...};
    }
  }
  (std::make_index_sequence<std::tuple_size_v<Example>>{});
}

}  // namespace data
}  // namespace st
