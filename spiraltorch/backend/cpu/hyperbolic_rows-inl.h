// The engine of the row maps. A map of the Poincaré ball needs of its vectors only their inner products, and
// gives linear combinations of them: so a block of rows takes three sweeps, all in float64 and in L1.
//   1. along rows: the products that Map::kDots lists
//   2. across rows, one lane a row: Map::apply turns them into factors (and numbers)
//   3. along rows: out_i = sum over the vectors in Map::kOut[i] of factor * vector
// A map may name one more vector, w: the sum or the difference of its first two rows, computed element by
// element so that near points do not cancel, or a + tau b with tau from a sweep of its own.
//
//   struct Map {
//     static constexpr int kInputs = 2;                        // rows read: a, b (, third) (, gradient)
//     static constexpr Extra kExtra = Extra::sum;              // w has the index kInputs
//     static constexpr std::array<Dot, 3> kDots = {...};       // pairs of vectors
//     static constexpr std::array<unsigned, 1> kOut = {...};   // a bit for each vector
//     static constexpr int kNumbers = 0;                       // numbers a row; forward, two are kept
//     static constexpr bool kGradient = false;                 // whether number[0] is dc, a float64
//     static void apply(Lanes& r);                             // reads c, s, g, dot; writes factor, number
//   };
#if defined(SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_ROWS_INL_H_
#undef SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_ROWS_INL_H_
#else
#define SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_ROWS_INL_H_
#endif

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <utility>

#include "spiraltorch/backend/cpu/hyperbolic_pairs-inl.h"
#include "spiraltorch/backend/cpu/hyperbolic_rows.h"
#include "spiraltorch/backend/cpu/hyperbolic_scalars-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {

constexpr unsigned bit(int vector) { return 1u << vector; }

// What the scalars of a map see of a vector of rows.
struct Lanes {
  V c, root_c, s, g;  // root_c = sqrt c
  ExpStep along;      // what step says; its tau is that of w
  V floor, limit;     // gap_floor and ball_gap of the dtype
  bool wants_c;       // whether number[0] of a gradient will be read
  V dot[kMaxDots];
  V factor[kMaxOuts][kMaxRows + 1];
  V number[2];

  // 1 - c|x|^2 of a stored point
  HWY_INLINE V gap(V xx) const { return st::cpu::HWY_NAMESPACE::gap(c, xx, floor); }
};

inline constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(Row()));
static_assert(kRowBlock % kLanes == 0 && kLanes <= 8);

// --- elements of a row as float64 ---
HWY_INLINE V load_row(const double* p) { return hn::LoadU(Row(), p); }
HWY_INLINE V load_row(const float* p) {
  const Row d;
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, Row>(), p));
}
HWY_INLINE void store_row(V v, double* p) { hn::StoreU(v, Row(), p); }
HWY_INLINE void store_row(V v, float* p) {
#if HWY_TARGET == HWY_SCALAR  // whose DemoteTo makes the largest float of infinity
  *p = static_cast<float>(hn::GetLane(v));
#else
  const hn::Rebind<float, Row> d;
  hn::StoreU(hn::DemoteTo(d, v), d, p);
#endif
}
// The same for the last n < Lanes elements of rows.
template <class T>
struct Tail : Part<hn::Rebind<T, Row>> {
  using Base = Part<hn::Rebind<T, Row>>;
  explicit HWY_INLINE Tail(size_t count) : Base(count) {}
  HWY_INLINE V load(const T* p) const {
    if constexpr (std::is_same_v<T, float>) {
      return hn::PromoteTo(Row(), Base::load(p));
    } else {
      return Base::load(p);
    }
  }
  HWY_INLINE void store(V v, T* p) const {
    if constexpr (std::is_same_v<T, float>) {
      Base::store(hn::DemoteTo(hn::Rebind<T, Row>(), v), p);
    } else {
      Base::store(v, p);
    }
  }
};
// The tail of rows of this width.
template <class T>
HWY_INLINE Tail<T> tail_of(int64_t width) {
  return Tail<T>(static_cast<size_t>(width % kLanes));
}
template <bool kTail, class T>
HWY_INLINE V load_some(const T* p, const Tail<T>& tail) {
  if constexpr (kTail) {
    return tail.load(p);
  } else {
    return load_row(p);
  }
}

template <class T>
HWY_INLINE void store_some(V v, const Tail<T>& tail, bool whole, T* p) {
  whole ? store_row(v, p) : tail.store(v, p);
}

// --- sums over lanes ---
#if HWY_TARGET != HWY_SCALAR
// Blocks of two lanes, each the sum of a block of a and of the same block of b.
template <class D>
HWY_INLINE hn::Vec<D> sums_of_blocks(D d, hn::Vec<D> a, hn::Vec<D> b) {
  return hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
}
template <class D>
HWY_INLINE hn::Vec<D> sums_of_halves(D d, hn::Vec<D> a, hn::Vec<D> b) {
  return hn::Add(hn::ConcatLowerLower(d, b, a), hn::ConcatUpperUpper(d, b, a));
}
#endif
// Lane r of the result is the sum of the lanes of sums[r]: a tree of adds in which every step halves the
// number of vectors. sums: kLanes vectors, aligned.
HWY_INLINE V sums_of_rows(const double* sums) {
  const Row d;
#if HWY_TARGET == HWY_SCALAR
  return hn::Load(d, sums);
#else
  const auto pair = [&](int64_t r) HWY_ATTR {  // blocks of (row r, row r + 1)
    return sums_of_blocks(d, hn::Load(d, sums + r * kLanes), hn::Load(d, sums + (r + 1) * kLanes));
  };
  if constexpr (kLanes == 1) {
    return hn::Load(d, sums);
  } else if constexpr (kLanes == 2) {
    return pair(0);
  } else if constexpr (kLanes == 4) {
    return sums_of_halves(d, pair(0), pair(2));
  } else {
    const V a = sums_of_halves(d, pair(0), pair(4)), b = sums_of_halves(d, pair(2), pair(6));
    return hn::OddEvenBlocks(hn::Add(b, hn::SwapAdjacentBlocks(b)), hn::Add(a, hn::SwapAdjacentBlocks(a)));
  }
#endif
}

// --- one row ---
// The vectors of a row at one place: the inputs that kMask names, then w.
template <Extra kExtra, size_t kInputs, unsigned kMask, bool kTail, class T, size_t... I>
HWY_INLINE void load_vectors(const T* const* row, int64_t j, const Tail<T>& tail, V tau, V* e,
                             std::index_sequence<I...>) {
  ((e[I] = (kMask >> I & 1) ? load_some<kTail>(row[I] + j, tail) : hn::Zero(Row())), ...);
  if constexpr (kExtra == Extra::sum) e[kInputs] = hn::Add(e[0], e[1]);
  if constexpr (kExtra == Extra::difference) e[kInputs] = hn::Sub(e[1], e[0]);
  if constexpr (kExtra == Extra::step) e[kInputs] = hn::MulAdd(tau, e[1], e[0]);
}

template <std::array kDots, size_t... I>
HWY_INLINE void add_products(const V* e, V* sum, std::index_sequence<I...>) {
  ((sum[I] = hn::MulAdd(e[kDots[I].a], e[kDots[I].b], sum[I])), ...);
}

template <size_t... I>
HWY_INLINE void clear(V* sum, std::index_sequence<I...>) {
  ((sum[I] = hn::Zero(Row())), ...);
}

// The lanes of the products of kDots, product i at to + i * kLanes * kLanes.
template <std::array kDots, Extra kExtra, size_t kInputs, class T, size_t... I>
HWY_INLINE void dot_row(const T* const* row, int64_t width, const Tail<T>& tail, double tau, double* to,
                        std::index_sequence<I...> dots) {
  constexpr auto inputs = std::make_index_sequence<kInputs>();
  const V t = constant(tau);
  V sum[sizeof...(I)], e[kInputs + 1];
  clear(sum, dots);
  int64_t j = 0;
  for (; j + kLanes <= width; j += kLanes) {
    load_vectors<kExtra, kInputs, ~0u, false>(row, j, tail, t, e, inputs);
    add_products<kDots>(e, sum, dots);
  }
  if (j < width) {
    load_vectors<kExtra, kInputs, ~0u, true>(row, j, tail, t, e, inputs);
    add_products<kDots>(e, sum, dots);
  }
  (hn::Store(sum[I], Row(), to + static_cast<int64_t>(I) * kLanes * kLanes), ...);
}

template <size_t... I, class T>
HWY_INLINE void rows_at(const RowBlock& b, int64_t r, const T** row, std::index_sequence<I...>) {
  ((row[I] = b.row<T>(I, r)), ...);
}

// One function a set of products, however many maps use it: inlined into each it would take minutes to
// compile.
template <std::array kDots, Extra kExtra, size_t kInputs, class T>
HWY_NOINLINE void dot_rows(const RowBlock& b, int64_t count, int64_t width, double* to) {
  constexpr int64_t kSize = kLanes * kLanes;
  HWY_ALIGN double sums[kDots.size() * kSize];
  const Tail<T> tail = tail_of<T>(width);
  const T* row[kInputs];
  for (int64_t r = 0; r < count; r += kLanes) {
    for (int64_t i = 0; i < kLanes; ++i) {
      rows_at(b, r + i, row, std::make_index_sequence<kInputs>());
      dot_row<kDots, kExtra, kInputs>(row, width, tail, b.tau[r + i], sums + i * kLanes,
                                      std::make_index_sequence<kDots.size()>());
    }
    for (size_t i = 0; i < kDots.size(); ++i) {
      hn::Store(sums_of_rows(sums + i * kSize), Row(), to + i * kRowBlock + r);
    }
  }
}

// The same for narrow rows of float32, 4 kWhole + 1 to 4 kWhole + 4 wide, four at a time and in vectors of
// four: wider ones would convert and add up idle lanes.
using Four = hn::CappedTag<double, 4>;
inline constexpr bool kHasFour = hn::MaxLanes(Four()) == 4;
template <std::array kDots, Extra kExtra, size_t kInputs, int64_t kWhole>
HWY_NOINLINE void dot_narrow_rows(const RowBlock& b, int64_t count, int64_t width, double* to) {
  const Four d;
  const hn::Rebind<float, Four> df;
  const Part<decltype(df)> tail(static_cast<size_t>(width - 4 * kWhole));
  hn::Vec<Four> e[kInputs + 1], sum[kDots.size()][4];
  for (int64_t r = 0; r < count; r += 4) {
    for (int64_t i = 0; i < 4; ++i) {
      for (int64_t j = kWhole; j >= 0; --j) {
        for (size_t k = 0; k < kInputs; ++k) {
          const float* const p = b.row<float>(k, r + i) + 4 * j;
          e[k] = hn::PromoteTo(d, j == kWhole ? tail.load(p) : hn::LoadU(df, p));
        }
        if constexpr (kExtra == Extra::sum) e[kInputs] = hn::Add(e[0], e[1]);
        if constexpr (kExtra == Extra::difference) e[kInputs] = hn::Sub(e[1], e[0]);
        if constexpr (kExtra == Extra::step) e[kInputs] = hn::MulAdd(hn::Set(d, b.tau[r + i]), e[1], e[0]);
        for (size_t k = 0; k < kDots.size(); ++k) {
          const auto left = e[kDots[k].a], right = e[kDots[k].b];
          sum[k][i] = j == kWhole ? hn::Mul(left, right) : hn::MulAdd(left, right, sum[k][i]);
        }
      }
    }
    for (size_t k = 0; k < kDots.size(); ++k) {
      const auto front = sums_of_blocks(d, sum[k][0], sum[k][1]),
                 back = sums_of_blocks(d, sum[k][2], sum[k][3]);
      hn::Store(sums_of_halves(d, front, back), d, to + static_cast<int64_t>(k) * kRowBlock + r);
    }
  }
}

// Either of them, by the width.
template <std::array kDots, Extra kExtra, size_t kInputs, class T>
void dot_rows_of_any_width(const RowBlock& b, int64_t count, int64_t width, double* to) {
  if constexpr (kHasFour && std::is_same_v<T, float>) {
    switch ((width + 3) / 4) {
      case 1:
        return dot_narrow_rows<kDots, kExtra, kInputs, 0>(b, count, width, to);
      case 2:
        return dot_narrow_rows<kDots, kExtra, kInputs, 1>(b, count, width, to);
      case 3:
        return dot_narrow_rows<kDots, kExtra, kInputs, 2>(b, count, width, to);
      case 4:
        return dot_narrow_rows<kDots, kExtra, kInputs, 3>(b, count, width, to);
      default:
        break;
    }
  }
  dot_rows<kDots, kExtra, kInputs, T>(b, count, width, to);
}

// The sum of factor * vector over the bits of kMask.
template <unsigned kMask, size_t... I>
HWY_INLINE V combine(const V* e, const V* factor, std::index_sequence<I...>) {
  constexpr int kFirst = std::countr_zero(kMask);
  V sum = hn::Mul(factor[kFirst], e[kFirst]);
  ((sum = (kMask >> I & 1) && I != kFirst ? hn::MulAdd(factor[I], e[I], sum) : sum), ...);
  return sum;
}

template <unsigned kMask, size_t... I>
HWY_INLINE void load_factors(const double* from, V* factor, std::index_sequence<I...>) {
  ((factor[I] = (kMask >> I & 1) ? constant(from[I * kRowBlock]) : hn::Zero(Row())), ...);
}

// Every output of one row from one reading of the inputs; `whole`: in whole vectors.
template <std::array kOut, Extra kExtra, size_t kInputs, class T, size_t... O>
HWY_INLINE void write_row(const T* const* row, int64_t width, const Tail<T>& tail, bool whole, double tau,
                          const double* factors, T* const* out, std::index_sequence<O...>) {
  constexpr auto inputs = std::make_index_sequence<kInputs>();
  constexpr auto vectors = std::make_index_sequence<kInputs + 1>();
  constexpr unsigned kUsed = (kOut[O] | ...);
  constexpr unsigned kNeeded = kUsed | (kUsed >> kInputs & 1 ? 3u : 0u);
  const V t = constant(tau);
  V e[kInputs + 1], factor[sizeof...(O)][kInputs + 1];
  (load_factors<kOut[O]>(factors + factors_of(O), factor[O], vectors), ...);
  int64_t j = 0;
  for (; j + kLanes <= width; j += kLanes) {
    load_vectors<kExtra, kInputs, kNeeded, false>(row, j, tail, t, e, inputs);
    ((out[O] ? store_row(combine<kOut[O]>(e, factor[O], vectors), out[O] + j) : void()), ...);
  }
  if (j < width) {
    load_vectors<kExtra, kInputs, kNeeded, true>(row, j, tail, t, e, inputs);
    ((out[O] ? store_some(combine<kOut[O]>(e, factor[O], vectors), tail, whole, out[O] + j) : void()), ...);
  }
}

template <std::array kOut, Extra kExtra, size_t kInputs, class T>
HWY_NOINLINE void write_rows(const RowBlock& b, int64_t count, int64_t width, void* const* to) {
  const Tail<T> tail = tail_of<T>(width);
  const T* row[kInputs];
  T* out[kOut.size()];
  for (size_t i = 0; i < kOut.size(); ++i) out[i] = static_cast<T*>(to[i]);
  const int64_t whole = rows_written_whole(count, width, kLanes);
  for (int64_t r = 0; r < count; ++r) {
    rows_at(b, r, row, std::make_index_sequence<kInputs>());
    write_row<kOut, kExtra, kInputs>(row, width, tail, r < whole, b.tau[r], b.factors + r, out,
                                     std::make_index_sequence<kOut.size()>());
    for (size_t i = 0; i < kOut.size(); ++i) out[i] += out[i] ? width : 0;
  }
}

// The one output of a map whose vectors all stand in its products: pairs of floats serve unless they cannot.
template <class Map, class T>
constexpr bool uses_pairs() {
  if (!std::is_same_v<T, float> || Map::kExtra != Extra::none || Map::kOut.size() != 1) return false;
  unsigned in_products = 0;
  for (const Dot& dot : Map::kDots) in_products |= bit(dot.a) | bit(dot.b);
  const unsigned all = (1u << Map::kInputs) - 1;
  return HWY_NATIVE_FMA && Map::kInputs <= 2 && in_products == all && Map::kOut[0] == all;
}
template <std::array kOut, size_t kInputs>
void write_pairs_or_rows(const RowBlock& b, int64_t count, int64_t width, void* const* to) {
  if (!to[0] || width == 0) return;
#if HWY_NATIVE_FMA
  if (write_pairs<kInputs>(b, count, width, static_cast<float*>(to[0]))) return;
#endif
  write_rows<kOut, Extra::none, kInputs, float>(b, count, width, to);
}

// --- scalars ---
template <unsigned kMask, size_t... I>
HWY_INLINE void store_factors(const V* factor, double* to, std::index_sequence<I...>) {
  const auto store = [](V v, double* p) HWY_ATTR { hn::Store(v, Row(), p); };
  (((kMask >> I & 1) ? store(factor[I], to + I * kRowBlock) : void()), ...);
}

template <size_t... I>
HWY_INLINE void load_dots(const double* from, V* dot, std::index_sequence<I...>) {
  ((dot[I] = hn::Load(Row(), from + I * kRowBlock)), ...);
}

// A step map has its two first products behind the others.
template <class Map>
constexpr size_t kAllDots = Map::kDots.size() + (Map::kExtra == Extra::step ? 2 : 0);

template <class Map>
HWY_INLINE void load_lanes(const RowBlock& b, int64_t r, Lanes& lanes) {
  const Row d;
  lanes.c = hn::Load(d, b.c + r);
  lanes.root_c = hn::Load(d, b.root_c + r);
  lanes.s = hn::LoadU(d, b.s + r);
  lanes.g = hn::LoadU(d, b.g + r);
  lanes.floor = constant(b.gap_floor);
  lanes.limit = constant(b.gap_limit);
  lanes.wants_c = b.wants_c;
}

static_assert(sizeof(ExpStep) == kAlong * sizeof(V));
template <class Map>
void step_scalars(RowBlock& b, int64_t count) {
  constexpr size_t kFirst = Map::kDots.size();
  const Row d;
  for (int64_t r = 0; r < count; r += kLanes) {
    Lanes lanes;
    load_lanes<Map>(b, r, lanes);
    load_dots(b.dots + kFirst * kRowBlock + r, lanes.dot + kFirst, std::make_index_sequence<2>());
    Map::step(lanes);
    hn::Store(lanes.along.tau, d, b.tau + r);
    std::memcpy(b.along + r * kAlong, &lanes.along, sizeof(lanes.along));
  }
}

template <class Map, size_t... O>
HWY_INLINE void apply_lanes(RowBlock& b, int64_t r, std::index_sequence<O...>) {
  const Row d;
  Lanes lanes;
  load_lanes<Map>(b, r, lanes);
  load_dots(b.dots + r, lanes.dot, std::make_index_sequence<kAllDots<Map>>());
  if constexpr (Map::kExtra == Extra::step) {
    std::memcpy(&lanes.along, b.along + r * kAlong, sizeof(lanes.along));
  }
  Map::apply(lanes);
  (store_factors<Map::kOut[O]>(lanes.factor[O], b.factors + factors_of(O) + r,
                               std::make_index_sequence<Map::kInputs + 1>()),
   ...);
  if constexpr (Map::kNumbers > 0) hn::StoreU(lanes.number[0], d, b.number[0] + r);
  if constexpr (Map::kNumbers > 1) hn::StoreU(lanes.number[1], d, b.number[1] + r);
}

template <class Map>
void apply_scalars(RowBlock& b, int64_t count) {
  for (int64_t r = 0; r < count; r += kLanes) {
    apply_lanes<Map>(b, r, std::make_index_sequence<Map::kOut.size()>());
  }
}

// --- the description of a map ---
template <class Map, class T>
RowMap map_for() {
  RowMap m;
  m.inputs = Map::kInputs;
  m.numbers = Map::kNumbers;
  m.doubles = Map::kGradient ? 1 : Map::kNumbers == 2 ? 2 : 0;
  m.products = static_cast<int>(Map::kDots.size());
  m.apply = apply_scalars<Map>;
  m.dot_rows = dot_rows_of_any_width<Map::kDots, Map::kExtra, Map::kInputs, T>;
  if constexpr (Map::kExtra == Extra::step) {
    m.step = step_scalars<Map>;
    m.step_dot_rows = dot_rows_of_any_width<Map::kStepDots, Extra::none, 2, T>;
  }
  if constexpr (uses_pairs<Map, T>()) {
    m.write_rows = write_pairs_or_rows<Map::kOut, Map::kInputs>;
    m.writes_pairs = true;
  } else if constexpr (Map::kOut.size() > 0) {
    m.write_rows = write_rows<Map::kOut, Map::kExtra, Map::kInputs, T>;
  }
  return m;
}

template <class Forward, class Gradient, class Kept = Gradient>
RowMap pick_map(DType dtype, Pass pass) {
  const auto pick = [pass](auto zero) {
    using T = decltype(zero);
    return pass == Pass::forward    ? map_for<Forward, T>()
           : pass == Pass::backward ? map_for<Gradient, T>()
                                    : map_for<Kept, T>();
  };
  return dtype == DType::float64 ? pick(0.0) : pick(0.0f);
}

}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_ROWS_INL_H_
