// Streams are made in 32 or 64 bits by core/random.h; other types are converted from there.
#include "spiraltorch/backend/cpu/random.h"

#include <span>
#include <vector>

namespace st::cpu {
namespace {

template <class T>
std::span<T> elements(const Out& y) {
  return {y.as<T>(), static_cast<size_t>(numel_of(*y.sizes))};
}

// Drawn as float and rounded; what rounds up to `to` becomes `from`, which the interval contains.
template <class T>
void uniform_16_bits(std::span<T> out, double from, double to, Generator& gen) {
  std::vector<float> wide(out.size());
  st::uniform(wide, from, to, gen);
  const T first = convert<T>(from), last = convert<T>(to);
  for (size_t i = 0; i < out.size(); ++i) {
    const T value(wide[i]);
    out[i] = value.bits == last.bits ? first : value;
  }
}

template <class T>
void normal_16_bits(std::span<T> out, double mean, double std, Generator& gen) {
  std::vector<float> wide(out.size());
  normal_for_16_bits(wide, mean, std, gen);
  for (size_t i = 0; i < out.size(); ++i) out[i] = T(wide[i]);
}

}  // namespace

void uniform(Out y, double from, double to, Generator& gen) {
  switch (y.dtype) {
    case DType::float32:
      return st::uniform(elements<float>(y), from, to, gen);
    case DType::float64:
      return st::uniform(elements<double>(y), from, to, gen);
    case DType::bfloat16:
      return uniform_16_bits(elements<bfloat16>(y), from, to, gen);
    default:
      return uniform_16_bits(elements<float16>(y), from, to, gen);
  }
}

void normal(Out y, double mean, double std, Generator& gen) {
  switch (y.dtype) {
    case DType::float32:
      return st::normal(elements<float>(y), mean, std, gen);
    case DType::float64:
      return st::normal(elements<double>(y), mean, std, gen);
    case DType::bfloat16:
      return normal_16_bits(elements<bfloat16>(y), mean, std, gen);
    default:
      return normal_16_bits(elements<float16>(y), mean, std, gen);
  }
}

void randint(Out y, int64_t low, int64_t high, Generator& gen) {
  if (y.dtype == DType::int64) return st::randint(elements<int64_t>(y), low, high, gen);
  std::vector<int64_t> wide(static_cast<size_t>(numel_of(*y.sizes)));
  st::randint(wide, low, high, gen);
  visit_dtype(y.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* out = y.as<T>();
    for (size_t i = 0; i < wide.size(); ++i) out[i] = convert<T>(wide[i]);
  });
}

void randperm(Out y, Generator& gen) { st::randperm(elements<int64_t>(y), gen); }

}  // namespace st::cpu
