// Runs a map of the Poincaré ball over rows, block by block: see hyperbolic_rows-inl.h. Nothing here depends
// on which map it is.
#include "spiraltorch/backend/cpu/hyperbolic_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/hyperbolic_rows.cpp"
#include "spiraltorch/backend/cpu/simd/targets.h"
// clang-format off
#include <hwy/foreach_target.h>  // compiles this file once for every target
// clang-format on
#include "spiraltorch/backend/cpu/hyperbolic_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {

// The numbers of `count` rows as float64; idle lanes, up to `whole` rows, repeat the last one.
template <class T>
void copy_numbers_of(const RowSource& source, int64_t begin, int64_t count, int64_t whole, double* to) {
  const T* p = static_cast<const T*>(source.data);
  if (source.offsets.stride() == 1) {
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<double>(p[begin + i]);
  } else {
    int64_t offsets[kRowBlock];
    source.offsets.fill(begin, count, offsets);
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<double>(p[offsets[i]]);
  }
  for (int64_t i = count; i < whole; ++i) to[i] = to[count - 1];
}
void copy_numbers(const RowSource& source, int64_t begin, int64_t count, int64_t whole, double* to) {
  source.dtype == DType::float32 ? copy_numbers_of<float>(source, begin, count, whole, to)
                                 : copy_numbers_of<double>(source, begin, count, whole, to);
}
// The same, or the caller's own where those serve; what stands in `copy` where there are none.
const double* load_numbers(const RowSource& source, int64_t begin, int64_t count, int64_t whole,
                           double* copy) {
  if (!source.data) return copy;
  if (source.dtype == DType::float64 && source.offsets.stride() == 1 && count == whole) {
    return static_cast<const double*>(source.data) + begin;
  }
  copy_numbers(source, begin, count, whole, copy);
  return copy;
}

// Where the numbers of `count` rows are written: to the caller's own, or to a copy for store_numbers.
double* place_for_numbers(void* to, bool is_double, int64_t begin, int64_t count, int64_t whole,
                          double* copy) {
  return to && is_double && count == whole ? static_cast<double*>(to) + begin : copy;
}
template <class T>
void store_numbers(const double* from, int64_t begin, int64_t count, void* to) {
  T* p = static_cast<T*>(to) + begin;
  for (int64_t i = 0; i < count; ++i) p[i] = static_cast<T>(from[i]);
}

// Where rows [begin, begin + count) lie, evenly spaced ones relative to each other since before; idle lanes,
// up to `whole` rows, repeat the last one.
void load_rows(const RowSource& source, int64_t size, int64_t begin, int64_t count, int64_t whole,
               RowPlaces& places) {
  const int64_t stride = source.offsets.stride();
  places.base = static_cast<const char*>(source.data) + (stride >= 0 ? begin * stride * size : 0);
  if (stride < 0) {
    source.offsets.fill(begin, count, places.bytes);
    for (int64_t r = 0; r < count; ++r) places.bytes[r] *= size;
  }
  places.repeat_last(count, whole);
}

// Whether rows are narrow and dense, and then which row an element belongs to: see RowBlock.
void find_narrow(const RowMap& map, const HyperbolicRows& args, RowBlock& b) {
  b.is_narrow = map.writes_pairs && args.width <= kMostNarrow;
  for (int i = 0; i < map.inputs; ++i) {
    b.is_narrow = b.is_narrow && args.rows[static_cast<size_t>(i)].offsets.stride() == args.width;
  }
  if (!b.is_narrow) return;
  int32_t* to = b.row_of;
  for (int32_t row = 0; row < kMostLanes; ++row, to += args.width) std::fill_n(to, args.width, row);
}

// The scalars of `whole` rows, the elements of `count` rows.
void row_block(const RowMap& map, RowBlock& b, int64_t whole, int64_t count, int64_t width,
               void* const* out) {
  if (map.step) {
    map.step_dot_rows(b, whole, width, b.dots + map.products * kRowBlock);
    map.step(b, whole);
  }
  map.dot_rows(b, whole, width, b.dots);
  map.apply(b, whole);
  if (map.write_rows) map.write_rows(b, count, width, out);
}

void run_rows(const RowMap& map, const HyperbolicRows& args, DType dtype, int64_t begin, int64_t end) {
  const Row d;
  const bool is_double = dtype == DType::float64;
  const int64_t size = is_double ? sizeof(double) : sizeof(float);
  RowBlock b;
  std::fill(b.copies, b.copies + 2 * kRowBlock, 0.0);
  std::fill(b.tau, b.tau + kRowBlock, 0.0);
  b.gap_floor = is_double ? gap_floor<double>() : gap_floor<float>();
  b.gap_limit = ball_gap(dtype);
  b.wants_c = args.numbers[0] != nullptr;
  b.products = map.products;
  find_narrow(map, args, b);
  for (int i = 0; i < map.inputs; ++i) {
    b.rows[i].space(args.rows[static_cast<size_t>(i)].offsets.stride() * size);
  }
  const bool one_c = args.c.offsets.is_one();
  if (one_c && begin < end) {
    const double c = *static_cast<const double*>(args.c.data);
    std::fill(b.c, b.c + kRowBlock, c);
    std::fill(b.root_c, b.root_c + kRowBlock, std::sqrt(c));
  }
  // 4 KiB of each input: what a sweep has read stays in L1 for the next
  const int64_t some = 4096 / std::max<int64_t>(1, args.width * size) / kLanes * kLanes;
  const int64_t block = std::clamp(some, kLanes, kRowBlock);
  for (int64_t at = begin; at < end; at += block) {
    const int64_t count = std::min(block, end - at), whole = (count + kLanes - 1) / kLanes * kLanes;
    if (!one_c) {
      copy_numbers(args.c, at, count, whole, b.c);
      for (int64_t r = 0; r < whole; r += kLanes) hn::Store(hn::Sqrt(hn::Load(d, b.c + r)), d, b.root_c + r);
    }
    b.s = load_numbers(args.s, at, count, whole, b.copies);
    b.g = load_numbers(args.g, at, count, whole, b.copies + kRowBlock);
    for (int i = 0; i < map.inputs; ++i) {
      load_rows(args.rows[static_cast<size_t>(i)], size, at, count, whole, b.rows[i]);
    }
    void* out[kMaxOuts];
    for (size_t i = 0; i < kMaxOuts; ++i) {
      out[i] = args.out[i] ? static_cast<char*>(args.out[i]) + at * args.width * size : nullptr;
    }
    const auto wide = [&](size_t i) { return is_double || i < static_cast<size_t>(map.doubles); };
    for (size_t i = 0; i < 2; ++i) {
      b.number[i] =
          place_for_numbers(args.numbers[i], wide(i), at, count, whole, b.copies + (2 + i) * kRowBlock);
    }
    row_block(map, b, whole, count, args.width, out);
    for (size_t i = 0; i < static_cast<size_t>(map.numbers); ++i) {
      if (!args.numbers[i] || b.number[i] != b.copies + (2 + i) * kRowBlock) continue;
      wide(i) ? store_numbers<double>(b.number[i], at, count, args.numbers[i])
              : store_numbers<float>(b.number[i], at, count, args.numbers[i]);
    }
  }
}

}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {
HWY_EXPORT(run_rows);
}

void run_hyperbolic_rows(const RowMap& map, const HyperbolicRows& args, DType dtype, int64_t begin,
                         int64_t end) {
  HWY_DYNAMIC_DISPATCH(run_rows)(map, args, dtype, begin, end);
}

}  // namespace st::cpu
#endif
