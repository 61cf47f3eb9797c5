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
//     static constexpr int kNumbers = 0;                       // numbers written a row
//     static constexpr bool kGradient = false;                 // whether numbers[0] is dc, a float64
//     template <class T> static void apply(Lanes& r);          // reads c, s, g, dot; writes factor, number
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

#include "spiraltorch/backend/cpu/hyperbolic.h"
#include "spiraltorch/backend/cpu/hyperbolic_scalars-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {

enum class Extra { none, sum, difference, step };
struct Dot {
  int a, b;
};
constexpr unsigned bit(int vector) { return 1u << vector; }

// What Map::apply sees of a vector of rows.
struct Lanes {
  V c, root_c, s, g, tau, tau_gap;  // root_c = sqrt c; tau_gap: what step says of tau b
  bool wants_c;                     // whether number[0] of a gradient will be read
  V dot[9];
  V factor[3][5];
  V number[2];
};

// --- elements of a row as float64 ---
HWY_INLINE V load_row(const double* p) { return hn::LoadU(Row(), p); }
HWY_INLINE V load_row(const float* p) {
  const Row d;
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, Row>(), p));
}
HWY_INLINE void store_row(V v, double* p) { hn::StoreU(v, Row(), p); }
HWY_INLINE void store_row(V v, float* p) {
  const hn::Rebind<float, Row> d;
  hn::StoreU(hn::DemoteTo(d, v), d, p);
}
// The same for the last n < Lanes elements of rows: nothing beyond them is touched. Made once for all rows.
template <class T>
struct Tail {
  using D = std::conditional_t<std::is_same_v<T, float>, hn::Rebind<float, Row>, Row>;
  size_t n;
#if !HWY_MEM_OPS_MIGHT_FAULT || HWY_TARGET == HWY_AVX2  // AVX2's masks are safe for these two types
  hn::Mask<D> mask;
  explicit HWY_INLINE Tail(size_t count) : n(count), mask(hn::FirstN(D(), count)) {}
  HWY_INLINE V load(const T* p) const {
    if constexpr (std::is_same_v<T, float>) {
      return hn::PromoteTo(Row(), hn::MaskedLoad(mask, D(), p));
    } else {
      return hn::MaskedLoad(mask, D(), p);
    }
  }
  HWY_INLINE void store(V v, T* p) const {
    if constexpr (std::is_same_v<T, float>) {
      hn::BlendedStore(hn::DemoteTo(D(), v), mask, D(), p);
    } else {
      hn::BlendedStore(v, mask, D(), p);
    }
  }
#else
  explicit HWY_INLINE Tail(size_t count) : n(count) {}
  HWY_INLINE V load(const T* p) const {
    HWY_ALIGN T buffer[hn::MaxLanes(Row())] = {};
    std::memcpy(buffer, p, n * sizeof(T));
    return load_row(buffer);
  }
  HWY_INLINE void store(V v, T* p) const {
    HWY_ALIGN T buffer[hn::MaxLanes(Row())];
    store_row(v, buffer);
    std::memcpy(p, buffer, n * sizeof(T));
  }
#endif
};
// The tail of rows of this width.
template <class T>
HWY_INLINE Tail<T> tail_of(int64_t width) {
  return Tail<T>(static_cast<size_t>(width) % hn::Lanes(Row()));
}
template <bool kTail, class T>
HWY_INLINE V load_some(const T* p, const Tail<T>& tail) {
  if constexpr (kTail) {
    return tail.load(p);
  } else {
    return load_row(p);
  }
}

// --- sums over lanes ---
inline constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(Row()));
static_assert(kRowBlock % kLanes == 0 && kLanes <= 8);

// Lane r of the result is the sum of the lanes of sums[r]: a tree of adds in which every step halves the
// number of vectors. sums: kLanes vectors, aligned.
HWY_INLINE V sums_of_rows(const double* sums) {
  const Row d;
#if HWY_TARGET == HWY_SCALAR
  return hn::Load(d, sums);
#else
  const auto pair = [&](int64_t r) HWY_ATTR {  // blocks of (row r, row r + 1)
    const V a = hn::Load(d, sums + r * kLanes), b = hn::Load(d, sums + (r + 1) * kLanes);
    return hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
  };
  if constexpr (kLanes == 1) {
    return hn::Load(d, sums);
  } else if constexpr (kLanes == 2) {
    return pair(0);
  } else {
    const auto halves = [&](V a, V b) HWY_ATTR {
      return hn::Add(hn::ConcatLowerLower(d, b, a), hn::ConcatUpperUpper(d, b, a));
    };
    if constexpr (kLanes == 4) {
      return halves(pair(0), pair(2));
    } else {
      const V a = halves(pair(0), pair(4)), b = halves(pair(2), pair(6));
      return hn::OddEvenBlocks(hn::Add(b, hn::SwapAdjacentBlocks(b)), hn::Add(a, hn::SwapAdjacentBlocks(a)));
    }
  }
#endif
}

// --- one row ---
// The vectors of a row at one place: the inputs that kMask names, then w.
template <Extra kExtra, int kInputs, unsigned kMask, bool kTail, class T, size_t... I>
HWY_INLINE void load_vectors(const T* const* row, int64_t j, const Tail<T>& tail, V tau, V* e,
                             std::index_sequence<I...>) {
  ((e[I] = (kMask >> I & 1) ? load_some<kTail>(row[I] + j, tail) : hn::Zero(Row())), ...);
  if constexpr (kExtra == Extra::sum) e[kInputs] = hn::Add(e[0], e[1]);
  if constexpr (kExtra == Extra::difference) e[kInputs] = hn::Sub(e[1], e[0]);
  if constexpr (kExtra == Extra::step) e[kInputs] = hn::MulAdd(tau, e[1], e[0]);
}

template <const auto& kDots, size_t... I>
HWY_INLINE void add_products(const V* e, V* sum, std::index_sequence<I...>) {
  ((sum[I] = hn::MulAdd(e[kDots[I].a], e[kDots[I].b], sum[I])), ...);
}

template <size_t... I>
HWY_INLINE void clear(V* sum, std::index_sequence<I...>) {
  ((sum[I] = hn::Zero(Row())), ...);
}

// The lanes of the products of kDots, product i at to + i * kLanes * kLanes.
template <const auto& kDots, size_t... I>
HWY_INLINE void store_sums(const V* sum, double* to, std::index_sequence<I...>) {
  (hn::Store(sum[I], Row(), to + I * kLanes * kLanes), ...);
}
template <const auto& kDots, Extra kExtra, int kInputs, class T>
HWY_INLINE void dot_row(const T* const* row, int64_t width, const Tail<T>& tail, double tau, double* to) {
  constexpr auto inputs = std::make_index_sequence<kInputs>();
  constexpr auto dots = std::make_index_sequence<kDots.size()>();
  const V t = constant(tau);
  V sum[kDots.size()], e[kInputs + 1];
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
  store_sums<kDots>(sum, to, dots);
}

// to[i * kRowBlock + r] = product i of row r, for `count` rows rounded up to whole vectors of rows.
template <const auto& kDots, Extra kExtra, int kInputs, class Rows, class T>
HWY_INLINE void dot_rows(const Rows& row, int64_t count, int64_t width, const Tail<T>& tail,
                         const double* tau, double* to) {
  HWY_ALIGN double sums[kDots.size() * kLanes * kLanes];
  for (int64_t r = 0; r < count; r += kLanes) {
    for (int64_t i = 0; i < kLanes; ++i) {
      dot_row<kDots, kExtra, kInputs>(row[r + i], width, tail, tau[r + i], sums + i * kLanes);
    }
    for (size_t i = 0; i < kDots.size(); ++i) {
      hn::Store(sums_of_rows(sums + i * kLanes * kLanes), Row(), to + i * kRowBlock + r);
    }
  }
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

// --- a block of rows ---
template <class Map>
constexpr bool kHasStep = Map::kExtra == Extra::step;

template <class Map, class T>
struct RowBuffers {
  static constexpr size_t kOuts = Map::kOut.size();
  static constexpr size_t kStride = (Map::kInputs + 1) * kRowBlock;  // between the factors of outputs
  HWY_ALIGN double c[kRowBlock], root_c[kRowBlock], s[kRowBlock], g[kRowBlock], tau[kRowBlock],
      tau_gap[kRowBlock];
  HWY_ALIGN double dots[Map::kDots.size() * kRowBlock];
  HWY_ALIGN double first_dots[2 * kRowBlock];  // of Map::kStepDots
  HWY_ALIGN double factors[(kOuts ? kOuts : 1) * kStride];
  HWY_ALIGN double numbers[2 * kRowBlock];
  const T* row[kRowBlock][Map::kInputs];
};

// Sweep 3 for one row: every output from one reading of the inputs.
template <class Map, class T, size_t... O>
HWY_INLINE void write_row(const T* const* row, int64_t width, const Tail<T>& tail, double tau,
                          const double* factors, T* const* out, std::index_sequence<O...>) {
  constexpr auto inputs = std::make_index_sequence<Map::kInputs>();
  constexpr auto vectors = std::make_index_sequence<Map::kInputs + 1>();
  constexpr unsigned kUsed = (Map::kOut[O] | ...);
  constexpr unsigned kNeeded = kUsed | (kUsed >> Map::kInputs & 1 ? 3u : 0u);
  const V t = constant(tau);
  V e[Map::kInputs + 1], factor[sizeof...(O)][Map::kInputs + 1];
  (load_factors<Map::kOut[O]>(factors + O * RowBuffers<Map, T>::kStride, factor[O], vectors), ...);
  int64_t j = 0;
  for (; j + kLanes <= width; j += kLanes) {
    load_vectors<Map::kExtra, Map::kInputs, kNeeded, false>(row, j, tail, t, e, inputs);
    ((out[O] ? store_row(combine<Map::kOut[O]>(e, factor[O], vectors), out[O] + j) : void()), ...);
  }
  if (j < width) {
    load_vectors<Map::kExtra, Map::kInputs, kNeeded, true>(row, j, tail, t, e, inputs);
    ((out[O] ? tail.store(combine<Map::kOut[O]>(e, factor[O], vectors), out[O] + j) : void()), ...);
  }
}

template <class Map, class T, size_t... O>
HWY_INLINE void write_rows(const HyperbolicRows& args, const RowBuffers<Map, T>& b, int64_t begin,
                           int64_t count, const Tail<T>& tail, std::index_sequence<O...> outs) {
  T* out[] = {(args.out[O] ? static_cast<T*>(args.out[O]) + begin * args.width : nullptr)...};
  bool any = false;
  ((any |= out[O] != nullptr), ...);
  if (!any) return;
  for (int64_t r = 0; r < count; ++r) {
    write_row<Map, T>(b.row[r], args.width, tail, kHasStep<Map> ? b.tau[r] : 0.0, b.factors + r, out, outs);
    ((out[O] += out[O] ? args.width : 0), ...);
  }
}

template <unsigned kMask, size_t... I>
HWY_INLINE void store_factors(const V* factor, double* to, std::index_sequence<I...>) {
  const auto store = [](V v, double* p) HWY_ATTR { hn::Store(v, Row(), p); };
  (((kMask >> I & 1) ? store(factor[I], to + I * kRowBlock) : void()), ...);
}

// Sweep 2 for one vector of rows, from row r on.
template <class Map, class T, size_t... I, size_t... O>
HWY_INLINE void apply_lanes(RowBuffers<Map, T>& b, int64_t r, bool wants_c, std::index_sequence<I...>,
                            std::index_sequence<O...>) {
  const Row d;
  Lanes lanes;
  lanes.c = hn::Load(d, b.c + r);
  lanes.root_c = hn::Load(d, b.root_c + r);
  lanes.wants_c = wants_c;
  lanes.s = hn::Load(d, b.s + r);
  lanes.g = hn::Load(d, b.g + r);
  ((lanes.dot[I] = hn::Load(d, b.dots + I * kRowBlock + r)), ...);
  if constexpr (kHasStep<Map>) {
    lanes.tau = hn::Load(d, b.tau + r);
    lanes.tau_gap = hn::Load(d, b.tau_gap + r);
    lanes.dot[sizeof...(I)] = hn::Load(d, b.first_dots + r);
    lanes.dot[sizeof...(I) + 1] = hn::Load(d, b.first_dots + kRowBlock + r);
  }
  Map::template apply<T>(lanes);
  ((store_factors<Map::kOut[O]>(lanes.factor[O], b.factors + O * RowBuffers<Map, T>::kStride + r,
                                std::make_index_sequence<Map::kInputs + 1>())),
   ...);
  if constexpr (Map::kNumbers > 0) hn::Store(lanes.number[0], d, b.numbers + r);
  if constexpr (Map::kNumbers > 1) hn::Store(lanes.number[1], d, b.numbers + kRowBlock + r);
}

// The numbers of `count` rows as float64; the rest of the block repeats the last one, so that idle lanes are
// harmless.
template <class T>
HWY_INLINE void load_numbers_of(const RowSource& source, int64_t begin, int64_t count, double* to) {
  const T* p = static_cast<const T*>(source.data);
  if (source.offsets.stride() == 1) {
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<double>(p[begin + i]);
  } else {
    int64_t offsets[kRowBlock];
    source.offsets.fill(begin, count, offsets);
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<double>(p[offsets[i]]);
  }
  for (int64_t i = count; i < kRowBlock; ++i) to[i] = to[count - 1];
}
HWY_INLINE void load_numbers(const RowSource& source, int64_t begin, int64_t count, double* to) {
  if (source.dtype == DType::float32) {
    load_numbers_of<float>(source, begin, count, to);
  } else {
    load_numbers_of<double>(source, begin, count, to);
  }
}

template <class T>
HWY_INLINE void store_numbers(const double* from, int64_t begin, int64_t count, void* to) {
  if (!to) return;
  T* p = static_cast<T*>(to) + begin;
  for (int64_t i = 0; i < count; ++i) p[i] = static_cast<T>(from[i]);
}

template <class Map, class T>
void run_rows(const HyperbolicRows& args, int64_t begin, int64_t end) {
  if (begin == end) return;
  constexpr auto dots = std::make_index_sequence<Map::kDots.size()>();
  constexpr auto outs = std::make_index_sequence<Map::kOut.size()>();
  const Row d;
  const Tail<T> tail = tail_of<T>(args.width);
  RowBuffers<Map, T> b;
  std::fill(b.s, b.s + kRowBlock, 0.0);
  std::fill(b.g, b.g + kRowBlock, 0.0);
  std::fill(b.tau, b.tau + kRowBlock, 0.0);
  const bool one_c = args.c.offsets.is_one();
  if (one_c) {
    const double c = *static_cast<const double*>(args.c.data);
    std::fill(b.c, b.c + kRowBlock, c);
    std::fill(b.root_c, b.root_c + kRowBlock, std::sqrt(c));
  }
  for (int64_t at = begin; at < end; at += kRowBlock) {
    const int64_t count = std::min(kRowBlock, end - at), whole = (count + kLanes - 1) / kLanes * kLanes;
    if (!one_c) {
      load_numbers(args.c, at, count, b.c);
      for (int64_t r = 0; r < whole; r += kLanes) hn::Store(hn::Sqrt(hn::Load(d, b.c + r)), d, b.root_c + r);
    }
    if (args.s.data) load_numbers(args.s, at, count, b.s);
    if (args.g.data) load_numbers(args.g, at, count, b.g);
    for (size_t i = 0; i < Map::kInputs; ++i) {
      const RowSource& source = args.rows[i];
      const T* data = static_cast<const T*>(source.data);
      if (const int64_t stride = source.offsets.stride(); stride >= 0) {
        for (int64_t r = 0; r < count; ++r) b.row[r][i] = data + (at + r) * stride;
      } else {
        int64_t offsets[kRowBlock];
        source.offsets.fill(at, count, offsets);
        for (int64_t r = 0; r < count; ++r) b.row[r][i] = data + offsets[r];
      }
      for (int64_t r = count; r < whole; ++r) b.row[r][i] = b.row[count - 1][i];
    }
    if constexpr (kHasStep<Map>) {
      dot_rows<Map::kStepDots, Extra::none, 2>(b.row, whole, args.width, tail, b.tau, b.first_dots);
      for (int64_t r = 0; r < whole; r += kLanes) {
        V tau_gap;
        const V tau = Map::template step<T>(hn::Load(d, b.c + r), hn::Load(d, b.first_dots + r),
                                            hn::Load(d, b.first_dots + kRowBlock + r), tau_gap);
        hn::Store(tau, d, b.tau + r);
        hn::Store(tau_gap, d, b.tau_gap + r);
      }
    }
    dot_rows<Map::kDots, Map::kExtra, Map::kInputs>(b.row, whole, args.width, tail, b.tau, b.dots);
    for (int64_t r = 0; r < whole; r += kLanes)
      apply_lanes<Map, T>(b, r, args.numbers[0] != nullptr, dots, outs);
    if constexpr (Map::kOut.size() > 0) write_rows<Map, T>(args, b, at, count, tail, outs);
    if constexpr (Map::kNumbers > 0) {
      store_numbers<std::conditional_t<Map::kGradient, double, T>>(b.numbers, at, count, args.numbers[0]);
    }
    if constexpr (Map::kNumbers > 1) store_numbers<T>(b.numbers + kRowBlock, at, count, args.numbers[1]);
  }
}

template <class Forward, class Gradient>
RowLoop pick_rows(DType dtype, bool backward) {
  if (dtype == DType::float64) return backward ? run_rows<Gradient, double> : run_rows<Forward, double>;
  return backward ? run_rows<Gradient, float> : run_rows<Forward, float>;
}

}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_ROWS_INL_H_
