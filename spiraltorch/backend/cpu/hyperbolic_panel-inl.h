// Narrow rows: a block of them is turned into a panel of float64 in which a lane is a row, so that inner
// products need no sums over lanes and rows whose width is no multiple of the lanes waste none. Element k of
// row r of a panel stands at k * kPanelRows + r. Which vectors are multiplied or combined is known at run
// time: from here on everything is the same for every map and dtype.
#if defined(SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_PANEL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_PANEL_INL_H_
#undef SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_PANEL_INL_H_
#else
#define SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_PANEL_INL_H_
#endif

#include <cstring>

#include "spiraltorch/backend/cpu/hyperbolic_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR
// Whether rows of T are turned in registers, kTurn columns at a time: the columns of one 128-bit block.
template <class T>
inline constexpr int64_t kTurn = 16 / sizeof(T);
template <class T>
inline constexpr bool kTurns = kLanes >= kTurn<T>;

// Block i of the result is block 0 of row i * kTurn.
template <class T>
HWY_INLINE hn::Vec<hn::Rebind<T, Row>> load_blocks(const void* const* row, int64_t k) {
  constexpr size_t kBlock = 16 / sizeof(T);
  const hn::FixedTag<T, kBlock> block;
  const auto at = [&](size_t i)
                      HWY_ATTR { return hn::LoadU(block, static_cast<const T*>(row[i * kBlock]) + k); };
  if constexpr (kLanes == kBlock) {
    return at(0);
  } else if constexpr (kLanes == 2 * kBlock) {
    return hn::Combine(hn::Rebind<T, Row>(), at(1), at(0));
  } else {
    const hn::FixedTag<T, 2 * kBlock> pair;
    return hn::Combine(hn::Rebind<T, Row>(), hn::Combine(pair, at(3), at(2)),
                       hn::Combine(pair, at(1), at(0)));
  }
}
template <class T>
HWY_INLINE void store_blocks(hn::Vec<hn::Rebind<T, Row>> v, T* const* row, int64_t k) {
  constexpr size_t kBlock = 16 / sizeof(T);
  const hn::FixedTag<T, kBlock> block;
  if constexpr (kLanes == kBlock) {
    hn::StoreU(v, block, row[0] + k);
  } else if constexpr (kLanes == 2 * kBlock) {
    hn::StoreU(hn::LowerHalf(block, v), block, row[0] + k);
    hn::StoreU(hn::UpperHalf(block, v), block, row[kBlock] + k);
  } else {
    const hn::FixedTag<T, 2 * kBlock> pair;
    const auto low = hn::LowerHalf(pair, v), high = hn::UpperHalf(pair, v);
    hn::StoreU(hn::LowerHalf(block, low), block, row[0] + k);
    hn::StoreU(hn::UpperHalf(block, low), block, row[kBlock] + k);
    hn::StoreU(hn::LowerHalf(block, high), block, row[2 * kBlock] + k);
    hn::StoreU(hn::UpperHalf(block, high), block, row[3 * kBlock] + k);
  }
}
template <class W>
HWY_INLINE W wide_lower(W a, W b) {
  const hn::RepartitionToWide<hn::DFromV<W>> d;
  return hn::BitCast(hn::DFromV<W>(), hn::InterleaveLower(d, hn::BitCast(d, a), hn::BitCast(d, b)));
}
template <class W>
HWY_INLINE W wide_upper(W a, W b) {
  const hn::RepartitionToWide<hn::DFromV<W>> d;
  return hn::BitCast(hn::DFromV<W>(), hn::InterleaveUpper(d, hn::BitCast(d, a), hn::BitCast(d, b)));
}

// Columns [k, k + kTurn) of kLanes rows, from rows to a panel and back.
template <class T>
HWY_INLINE void turn_in(const void* const* row, int64_t k, double* to) {
  const auto a = load_blocks<T>(row, k), b = load_blocks<T>(row + 1, k);
  if constexpr (kTurn<T> == 2) {
    hn::Store(hn::InterleaveLower(Row(), a, b), Row(), to);
    hn::Store(hn::InterleaveUpper(Row(), a, b), Row(), to + kPanelRows);
  } else {
    const hn::Rebind<T, Row> d;
    const auto c = load_blocks<T>(row + 2, k), e = load_blocks<T>(row + 3, k);
    const auto ab = hn::InterleaveLower(d, a, b), ce = hn::InterleaveLower(d, c, e);
    const auto ab2 = hn::InterleaveUpper(d, a, b), ce2 = hn::InterleaveUpper(d, c, e);
    hn::Store(hn::PromoteTo(Row(), wide_lower(ab, ce)), Row(), to);
    hn::Store(hn::PromoteTo(Row(), wide_upper(ab, ce)), Row(), to + kPanelRows);
    hn::Store(hn::PromoteTo(Row(), wide_lower(ab2, ce2)), Row(), to + 2 * kPanelRows);
    hn::Store(hn::PromoteTo(Row(), wide_upper(ab2, ce2)), Row(), to + 3 * kPanelRows);
  }
}
template <class T>
HWY_INLINE void turn_out(const double* from, T* const* row, int64_t k) {
  if constexpr (kTurn<T> == 2) {
    const V a = hn::Load(Row(), from), b = hn::Load(Row(), from + kPanelRows);
    store_blocks<T>(hn::InterleaveLower(Row(), a, b), row, k);
    store_blocks<T>(hn::InterleaveUpper(Row(), a, b), row + 1, k);
  } else {
    const hn::Rebind<T, Row> d;
    const auto column = [&](int64_t i)
                            HWY_ATTR { return hn::DemoteTo(d, hn::Load(Row(), from + i * kPanelRows)); };
    const auto a = column(0), b = column(1), c = column(2), e = column(3);
    const auto ab = hn::InterleaveLower(d, a, b), ce = hn::InterleaveLower(d, c, e);
    const auto ab2 = hn::InterleaveUpper(d, a, b), ce2 = hn::InterleaveUpper(d, c, e);
    store_blocks<T>(wide_lower(ab, ce), row, k);
    store_blocks<T>(wide_upper(ab, ce), row + 1, k);
    store_blocks<T>(wide_lower(ab2, ce2), row + 2, k);
    store_blocks<T>(wide_upper(ab2, ce2), row + 3, k);
  }
}
#endif

// Rows [0, count), count a multiple of kLanes.
template <class T>
HWY_NOINLINE void load_panel(const void* const* row, int64_t count, int64_t width, double* panel) {
#if HWY_TARGET != HWY_SCALAR
  if constexpr (kTurns<T>) {
    if (width >= kTurn<T>) {
      for (int64_t r = 0; r < count; r += kLanes) {
        int64_t k = 0;
        for (; k + kTurn<T> <= width; k += kTurn<T>) turn_in<T>(row + r, k, panel + k * kPanelRows + r);
        k = width - kTurn<T>;  // the last columns, some of them once more
        if (width % kTurn<T> != 0) turn_in<T>(row + r, k, panel + k * kPanelRows + r);
      }
      return;
    }
  }
#endif
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t k = 0; k < width; ++k) {
      panel[k * kPanelRows + r] = static_cast<double>(static_cast<const T*>(row[r])[k]);
    }
  }
}

// Rows [0, count) to contiguous memory.
template <class T>
HWY_NOINLINE void store_panel(const double* panel, int64_t count, int64_t width, void* out) {
  T* to = static_cast<T*>(out);
  int64_t r = 0;
#if HWY_TARGET != HWY_SCALAR
  if constexpr (kTurns<T>) {
    for (; width >= kTurn<T> && r + kLanes <= count; r += kLanes) {
      T* row[kLanes];
      for (int64_t i = 0; i < kLanes; ++i) row[i] = to + (r + i) * width;
      int64_t k = 0;
      for (; k + kTurn<T> <= width; k += kTurn<T>) turn_out<T>(panel + k * kPanelRows + r, row, k);
      k = width - kTurn<T>;
      if (width % kTurn<T> != 0) turn_out<T>(panel + k * kPanelRows + r, row, k);
    }
  }
#endif
  for (; r < count; ++r) {
    for (int64_t k = 0; k < width; ++k) to[r * width + k] = static_cast<T>(panel[k * kPanelRows + r]);
  }
}

// to[r] = <a, b> of row r, for whole vectors of rows.
HWY_NOINLINE inline void dot_panels(const double* a, const double* b, int64_t count, int64_t width,
                                    double* to) {
  const Row d;
  for (int64_t r = 0; r < count; r += kLanes) {
    V even = hn::Zero(d), odd = even;
    int64_t k = 0;
    for (; k + 2 <= width; k += 2) {
      const int64_t at = k * kPanelRows + r;
      even = hn::MulAdd(hn::Load(d, a + at), hn::Load(d, b + at), even);
      odd = hn::MulAdd(hn::Load(d, a + at + kPanelRows), hn::Load(d, b + at + kPanelRows), odd);
    }
    if (k < width) {
      even = hn::MulAdd(hn::Load(d, a + k * kPanelRows + r), hn::Load(d, b + k * kPanelRows + r), even);
    }
    hn::Store(hn::Add(even, odd), d, to + r);
  }
}

// The extra vector of a map, of its first two inputs.
HWY_NOINLINE inline void extra_panel(Extra kind, const double* a, const double* b, const double* tau,
                                     int64_t count, int64_t width, double* w) {
  const Row d;
  for (int64_t r = 0; r < count; r += kLanes) {
    const V t = hn::Load(d, tau + r);
    for (int64_t at = r; at < width * kPanelRows; at += kPanelRows) {
      const V first = hn::Load(d, a + at), second = hn::Load(d, b + at);
      const V v = kind == Extra::sum          ? hn::Add(first, second)
                  : kind == Extra::difference ? hn::Sub(second, first)
                                              : hn::MulAdd(t, second, first);
      hn::Store(v, d, w + at);
    }
  }
}

// One term of a combination: a factor a row and a panel.
struct Term {
  const double *factor, *panel;
};

template <size_t... I>
HWY_NOINLINE void combine_panels(const Term* term, int64_t count, int64_t width, double* to,
                                 std::index_sequence<I...>) {
  const Row d;
  for (int64_t r = 0; r < count; r += kLanes) {
    const V factor[] = {hn::Load(d, term[I].factor + r)...};
    for (int64_t at = r; at < width * kPanelRows; at += kPanelRows) {
      V sum = hn::Mul(factor[0], hn::Load(d, term[0].panel + at));
      ((sum = I == 0 ? sum : hn::MulAdd(factor[I], hn::Load(d, term[I].panel + at), sum)), ...);
      hn::Store(sum, d, to + at);
    }
  }
}
inline void combine_panels(const Term* term, int terms, int64_t count, int64_t width, double* to) {
  switch (terms) {
    case 1:
      return combine_panels(term, count, width, to, std::make_index_sequence<1>());
    case 2:
      return combine_panels(term, count, width, to, std::make_index_sequence<2>());
    case 3:
      return combine_panels(term, count, width, to, std::make_index_sequence<3>());
    default:
      return combine_panels(term, count, width, to, std::make_index_sequence<4>());
  }
}

}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_PANEL_INL_H_
