// The largest or smallest element along one dimension and its first index. Along a line: the value first,
// then the search for it; across lines: value and index of each are carried from row to row.
#include "spiraltorch/backend/cpu/simd/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/extremum.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <vector>

#include "spiraltorch/backend/cpu/iterator.h"
#include "spiraltorch/backend/cpu/nest.h"
#include "spiraltorch/backend/cpu/reduce-inl.h"
#include "spiraltorch/backend/cpu/reduce.h"
#include "spiraltorch/core/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace {

// The first index of the extremum of x[0..n), n > 0. A NaN is what it is unequal to.
template <bool kMax, class T>
int64_t first_extremum(const T* x, int64_t n) {
  using F = Larger<kMax>;
  if constexpr (std::is_integral_v<T>) {
    const T value = fold_integers_along<F>(x[0], x, n);
    return std::find(x, x + n, value) - x;
  } else {
    const hn::ScalableTag<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const T value = fold_along<F, T, T>(x[0], x, n);
    const auto wanted = hn::Set(d, value);
    const bool nan = value != value;
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes) {
      const auto v = hn::LoadU(d, x + i);
      const intptr_t at = hn::FindFirstTrue(d, nan ? hn::IsNaN(v) : hn::Eq(v, wanted));
      if (at >= 0) return i + at;
    }
    while (nan ? x[i] == x[i] : x[i] != value) ++i;
    return i;
  }
}

// values[j] and indices[j] of columns j < n of `rows` rows.
template <bool kMax, class T>
void extrema_across(const T* x, int64_t step, int64_t rows, int64_t n, T* values, int64_t* indices) {
  std::copy_n(x, n, values);
  std::fill_n(indices, n, 0);
  for (int64_t r = 1; r < rows; ++r) {
    const T* row = x + r * step;
    for (int64_t j = 0; j < n; ++j) {
      const bool is_new_nan = row[j] != row[j] && values[j] == values[j];
      const bool wins = (kMax ? row[j] > values[j] : row[j] < values[j]) || is_new_nan;
      values[j] = wins ? row[j] : values[j];
      indices[j] = wins ? r : indices[j];
    }
  }
}

template <class T>
ExtremumLoops<T> extremum_loops(Extremum op) {
  if (op == Extremum::max) return {&first_extremum<true, T>, &extrema_across<true, T>};
  return {&first_extremum<false, T>, &extrema_across<false, T>};
}
ExtremumLoops<float> float_extrema(Extremum op) { return extremum_loops<float>(op); }
ExtremumLoops<double> double_extrema(Extremum op) { return extremum_loops<double>(op); }
ExtremumLoops<int64_t> integer_extrema(Extremum op) { return extremum_loops<int64_t>(op); }

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {

HWY_EXPORT(float_extrema);
HWY_EXPORT(double_extrema);
HWY_EXPORT(integer_extrema);

constexpr int64_t kColumns = 128;    // lines that are walked together
constexpr int64_t kGrain = 1 << 15;  // elements worth a thread

template <class T>
void run(const ExtremumLoops<T>& loops, In x, int dim, Out values, Out indices) {
  constexpr DType compute = dtype_of<T>();
  const int64_t length = x.sizes->empty() ? 1 : (*x.sizes)[dim];
  const int64_t step = x.sizes->empty() ? 1 : (*x.strides)[dim];
  Nest<3> nest;
  for (int64_t at : by_stride(*x.strides)) {
    const int d = static_cast<int>(at);
    if (d != dim) nest.add((*x.sizes)[d], {(*x.strides)[d], (*values.strides)[d], (*indices.strides)[d]});
  }
  std::array<int64_t, 3> across;
  const int64_t columns = nest.pop(across);
  if (nest.count() * columns == 0) return;

  const bool along = columns == 1 || (length > 1 && step < across[0]);
  const bool packed = x.dtype != compute || (along ? step : across[0]) != 1;
  const int64_t width = along ? 1 : std::min(columns, kColumns);
  const int64_t tiles = (columns + width - 1) / width;

  parallel_for(nest.count() * tiles, kGrain / (length * width), [&](int64_t begin, int64_t end) {
    std::vector<T> block(static_cast<size_t>(packed ? length * width : 0));
    T value[kColumns];
    int64_t index[kColumns];
    for (; begin < end; ++begin) {
      const Position<3> at(nest, begin / tiles);
      const int64_t first = begin % tiles * width, n = std::min(width, columns - first);
      const int64_t from = at[0] + first * across[0];
      const T* data = packed ? block.data() : static_cast<const T*>(address(x, from));
      const int64_t rows = along ? 1 : length, row = along ? length : n;
      for (int64_t r = 0; packed && r < rows; ++r) {
        pack(x.dtype, address(x, from + r * step), along ? step : across[0], compute, &block[r * row], row);
      }
      if (along) {
        index[0] = loops.along(data, length);
        value[0] = data[index[0]];
      } else {
        loops.across(data, packed ? n : step, length, n, value, index);
      }
      unpack(compute, value, values.dtype, address(values, at[1] + first * across[1]), across[1], n);
      unpack(DType::int64, index, indices.dtype, address(indices, at[2] + first * across[2]), across[2], n);
    }
  });
}

}  // namespace

void extremum(Extremum op, In x, int dim, Out values, Out indices) {
  if (!is_floating(x.dtype)) return run(HWY_DYNAMIC_DISPATCH(integer_extrema)(op), x, dim, values, indices);
  if (x.dtype == DType::float64)
    return run(HWY_DYNAMIC_DISPATCH(double_extrema)(op), x, dim, values, indices);
  run(HWY_DYNAMIC_DISPATCH(float_extrema)(op), x, dim, values, indices);
}

}  // namespace st::cpu
#endif  // HWY_ONCE
