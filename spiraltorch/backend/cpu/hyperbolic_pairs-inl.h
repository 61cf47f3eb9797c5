// Writing float32 rows z = fx x or fx x + fg g without a detour through float64. A factor is a pair of
// floats, high + low, and what a product loses in rounding is kept: z is within one unit in its last place,
// at twice the speed, for a vector holds twice as many floats and nothing is converted.
#if defined(SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_PAIRS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_PAIRS_INL_H_
#undef SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_PAIRS_INL_H_
#else
#define SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_PAIRS_INL_H_
#endif

#include "spiraltorch/backend/cpu/hyperbolic_rows.h"
#include "spiraltorch/backend/cpu/hyperbolic_scalars-inl.h"
#include "spiraltorch/backend/cpu/simd/part-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {

using st::simd::HWY_NAMESPACE::Part;

#if HWY_NATIVE_FMA
using Wide = hn::ScalableTag<float>;
using WideV = hn::Vec<Wide>;

struct Pair {
  WideV high, low;
};
HWY_INLINE WideV combine_pairs(Pair fx, WideV x) { return hn::MulAdd(x, fx.high, hn::Mul(x, fx.low)); }
HWY_INLINE WideV combine_pairs(Pair fx, WideV x, Pair fg, WideV g) {
  const WideV product = hn::Mul(x, fx.high), lost = hn::MulSub(x, fx.high, product);
  const WideV rest = hn::MulAdd(g, fg.low, hn::MulAdd(x, fx.low, lost));
  return hn::Add(hn::MulAdd(g, fg.high, product), rest);
}

// The factors of a block as pairs. False if pairs are not enough: where a factor is so small or, with its
// vector, so large that parts of the sum would underflow or overflow, or where the block holds NaN or
// infinity, which its products tell.
template <size_t kVectors>
HWY_INLINE bool pairs_of(const RowBlock& b, int64_t count, float* high, float* low) {
  const Row d;
  const hn::Rebind<float, Row> df;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  // all bits of a float64 but those that a float32 has not
  const V head_bits = hn::BitCast(d, hn::Set(hn::RebindToUnsigned<Row>(), ~uint64_t{0} << 29));
  auto fit = hn::Eq(hn::Zero(d), hn::Zero(d));
  for (int64_t at = 0; at < b.products * kRowBlock; at += kRowBlock) {
    for (int64_t r = at; r < at + count; r += lanes) {
      fit = hn::And(fit, hn::Le(hn::Abs(hn::Load(d, b.dots + r)), constant(0x1p130)));
    }
  }
  for (int64_t at = 0; at < static_cast<int64_t>(kVectors) * kRowBlock; at += kRowBlock) {
    for (int64_t r = at; r < at + count; r += lanes) {
      const V f = hn::Load(d, b.factors + r), size = hn::Abs(f);
      const auto inside = hn::And(hn::Ge(size, constant(0x1p-90)), hn::Le(size, constant(0x1p60)));
      fit = hn::And(fit, hn::Or(inside, hn::Eq(f, hn::Zero(d))));
      const V head = hn::And(f, head_bits);
      hn::Store(hn::DemoteTo(df, head), df, high + r);
      hn::Store(hn::DemoteTo(df, hn::Sub(f, head)), df, low + r);
    }
  }
  return hn::AllTrue(d, fit);
}

// One step of write_pairs; load and store are those of whole vectors or of a part.
template <size_t kVectors, class Load, class Store>
HWY_INLINE void step_of_pairs(const Pair* f, const float* x, const float* g, float* out, const Load& load,
                              const Store& store) {
  if constexpr (kVectors == 1) {
    store(combine_pairs(f[0], load(x)), out);
  } else {
    store(combine_pairs(f[0], load(x), f[1], load(g)), out);
  }
}

// Narrow rows, as many at a time as a vector has lanes: they fill `width` vectors, each lane of which takes
// the factor of its row. Returns how many rows are written; fewer than there are lanes are left.
template <size_t kVectors>
HWY_INLINE int64_t write_narrow_pairs(const RowBlock& b, int64_t count, int64_t width, const float* high,
                                      const float* low, float* out) {
  const Wide d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto load = [d](const float* p) HWY_ATTR { return hn::LoadU(d, p); };
  const auto store = [d](WideV v, float* p) HWY_ATTR { hn::StoreU(v, d, p); };
  int64_t r = 0;
  for (; r + lanes <= count; r += lanes) {
    const float *const x = b.row<float>(0, r), *const g = b.row<float>(kVectors - 1, r);
    Pair of_row[kVectors];
    for (size_t i = 0; i < kVectors; ++i) {
      const int64_t at = static_cast<int64_t>(i) * kRowBlock + r;
      of_row[i] = {hn::Load(d, high + at), hn::Load(d, low + at)};
    }
    for (int64_t j = 0; j < lanes * width; j += lanes) {
      const auto rows = hn::SetTableIndices(d, b.row_of + j);
      Pair f[kVectors];
      for (size_t i = 0; i < kVectors; ++i) {
        f[i] = {hn::TableLookupLanes(of_row[i].high, rows), hn::TableLookupLanes(of_row[i].low, rows)};
      }
      step_of_pairs<kVectors>(f, x + j, g + j, out + r * width + j, load, store);
    }
  }
  return r;
}

// Rows from `begin` on. kShort: a row fits into one vector.
template <size_t kVectors, bool kShort>
HWY_INLINE void write_pairs_of(const RowBlock& b, int64_t begin, int64_t count, int64_t width,
                               const float* high, const float* low, float* out) {
  const Wide d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const Part<Wide> part(static_cast<size_t>(kShort ? width : width % lanes));
  const auto load = [d](const float* p) HWY_ATTR { return hn::LoadU(d, p); };
  const auto store = [d](WideV v, float* p) HWY_ATTR { hn::StoreU(v, d, p); };
  const auto load_part = [&part](const float* p) HWY_ATTR { return part.load(p); };
  const int64_t whole = rows_written_whole(count, width, lanes);
  int64_t r = begin;
  const auto store_part = [&](WideV v, float* p) HWY_ATTR { r < whole ? store(v, p) : part.store(v, p); };
  for (out += r * width; r < count; ++r, out += width) {
    const float *x = b.row<float>(0, r), *g = x;
    Pair f[kVectors] = {{hn::Set(d, high[r]), hn::Set(d, low[r])}};
    if constexpr (kVectors == 2) {
      g = b.row<float>(1, r);
      f[1] = {hn::Set(d, high[kRowBlock + r]), hn::Set(d, low[kRowBlock + r])};
    }
    int64_t j = 0;
    if constexpr (!kShort) {
      for (; j + lanes <= width; j += lanes) {
        step_of_pairs<kVectors>(f, x + j, g + j, out + j, load, store);
      }
      if (j == width) continue;
    }
    step_of_pairs<kVectors>(f, x + j, g + j, out + j, load_part, store_part);
  }
}

// Writes rows [0, count) of the one output of a map of kVectors vectors; false: nothing is written, see
// pairs_of.
template <size_t kVectors>
HWY_NOINLINE bool write_pairs(const RowBlock& b, int64_t count, int64_t width, float* out) {
  static_assert(kVectors == 1 || kVectors == 2);
  HWY_ALIGN float high[kVectors * kRowBlock], low[kVectors * kRowBlock];
  if (!pairs_of<kVectors>(b, count, high, low)) return false;
  const int64_t begin = b.is_narrow ? write_narrow_pairs<kVectors>(b, count, width, high, low, out) : 0;
  width <= static_cast<int64_t>(hn::Lanes(Wide()))
      ? write_pairs_of<kVectors, true>(b, begin, count, width, high, low, out)
      : write_pairs_of<kVectors, false>(b, begin, count, width, high, low, out);
  return true;
}
#endif

}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_PAIRS_INL_H_
