// LSTM. A step multiplies all rows of h by panels of weights: a panel is the four gates of as many hidden
// units as a vector has lanes, so that the sums of a unit's gates come out side by side and go through their
// functions while they are in the first cache. Backward multiplies the gates' gradients by panels of four
// vectors of units, which are then the units whose gates come next.
#include "spiraltorch/backend/cpu/lstm.h"

#include "spiraltorch/backend/cpu/simd/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/lstm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <memory>
#include <type_traits>

#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/backend/cpu/simd/math-inl.h"
#include "spiraltorch/backend/cpu/simd/part-inl.h"
#include "spiraltorch/backend/storage.h"
#include "spiraltorch/core/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

using simd::HWY_NAMESPACE::LoadPart;
using simd::HWY_NAMESPACE::Sigmoid;
using simd::HWY_NAMESPACE::StorePart;
using simd::HWY_NAMESPACE::Tanh;

constexpr int kVectors = 4;  // of a panel: the gates, or neighbouring units
// Rows that are multiplied at once: their sums are 24 of the 32 registers, or 12 of 16.
constexpr int kRows = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64 ? 6 : 3;
constexpr int64_t kRowTile = 24;           // rows of one unit of work, at most
constexpr int64_t kChunkBytes = 16 << 10;  // of a panel: it stays in the first cache for all rows of a unit
constexpr int64_t kGrain = 1 << 18;        // multiplications that are worth another thread

template <class T>
constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<T>()));
template <class T>
constexpr int64_t kWidth = kVectors* kLanes<T>;

// Weights as panels: `depth` rows of kWidth, the next panel behind them.
template <class T>
struct Panels {
  std::shared_ptr<Scratch<T>> memory;
  int64_t depth;
  const T* panel(int64_t i) const { return memory->data() + i * depth * kWidth<T>; }
};

// sums (R, kWidth) = or += a (R, depth) panel (depth, kWidth)
template <int R, class T>
void multiply(const T* HWY_RESTRICT a, int64_t a_row, const T* HWY_RESTRICT panel, int64_t depth, bool first,
              T* HWY_RESTRICT sums) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  V sum[R][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      sum[r][v] = first ? hn::Zero(d) : hn::Load(d, sums + r * kWidth<T> + v * kLanes<T>);
  }
  for (int64_t k = 0; k < depth; ++k, panel += kWidth<T>) {
    V w[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) w[v] = hn::Load(d, panel + v * kLanes<T>);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const V left = hn::Set(d, a[r * a_row + k]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(left, w[v], sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) hn::Store(sum[r][v], d, sums + r * kWidth<T> + v * kLanes<T>);
  }
}

template <int R, class T>
void multiply_rows(int64_t rows, const T* a, int64_t a_row, const T* panel, int64_t depth, bool first,
                   T* sums) {
  if (rows == R) return multiply<R>(a, a_row, panel, depth, first, sums);
  if constexpr (R > 1) multiply_rows<R - 1>(rows, a, a_row, panel, depth, first, sums);
}

// sums (rows, kWidth) = a (rows, depth) panel, a chunk of the panel after the other.
template <class T>
void product(const T* a, int64_t a_row, int64_t rows, const T* panel, int64_t depth, T* sums) {
  constexpr int64_t kChunk = kChunkBytes / (kWidth<T> * static_cast<int64_t>(sizeof(T)));
  const int64_t blocks = (rows + kRows - 1) / kRows;
  for (int64_t k = 0; k < depth; k += kChunk) {
    for (int64_t i = 0; i < blocks; ++i) {
      const int64_t row = rows * i / blocks, count = rows * (i + 1) / blocks - row;
      multiply_rows<kRows>(count, a + row * a_row + k, a_row, panel + k * kWidth<T>,
                           std::min(kChunk, depth - k), k == 0, sums + row * kWidth<T>);
    }
  }
}

// What of h, c and their gradients one step has: rows that may have gaps between them.
template <class T>
struct Rows {
  T* data = nullptr;
  int64_t stride = 0;
  T* at(int64_t row, int64_t unit) const { return data + row * stride + unit; }
};

// (steps, batch, width) in memory, for any kind of view.
template <class T>
struct Series {
  T* data = nullptr;
  int64_t step = 0, row = 0;

  Series() = default;
  template <class View>
  explicit Series(View view) {
    if (!view.defined()) return;
    data = static_cast<T*>(const_cast<void*>(static_cast<const void*>(view.data)));
    const int batch = view.sizes->size() - 2;
    row = (*view.strides)[batch];
    if (batch > 0 && (*view.sizes)[0] > 1) step = (*view.strides)[0];
  }
  Rows<T> at(int64_t t) const { return data ? Rows<T>{data + t * step, row} : Rows<T>{}; }
};

// The sizes, and how the work is cut: into tiles of rows, as many as a power of two, and panels. Rows do not
// meet, so with enough of them each thread takes its own through all steps and never waits for another;
// with few, the threads share out each step. What is computed depends on the sizes alone.
struct Plan {
  int64_t steps, batch, hidden, panels, tiles, work;  // work: multiplications of a tile with a panel

  template <class T>
  static Plan make(int64_t steps, int64_t batch, int64_t hidden, int64_t panel_units, int64_t depth) {
    int64_t tiles = 1;
    while (tiles * kRowTile < batch) tiles *= 2;
    return {steps,  batch,
            hidden, (hidden + panel_units - 1) / panel_units,
            tiles,  (batch / tiles + 1) * kWidth<T> * depth};
  }
  int64_t begin(int64_t tile) const { return batch * tile / tiles; }
  int64_t rows(int64_t tile) const { return begin(tile + 1) - begin(tile); }

  // f(step, panel, tile) for all of them. A step may read what those before it have made of the same rows.
  template <class F>
  void each(const F& f) const {
    const auto grain = [](int64_t item) { return std::max<int64_t>(1, kGrain / item); };
    if (tiles >= num_threads()) {
      return parallel_for(tiles, grain(steps * panels * work), [&](int64_t first, int64_t last) {
        for (int64_t s = 0; s < steps; ++s) {
          for (int64_t p = 0; p < panels; ++p) {
            for (int64_t tile = first; tile < last; ++tile) f(s, p, tile);
          }
        }
      });
    }
    for (int64_t s = 0; s < steps; ++s) {
      parallel_for(panels * tiles, grain(work), [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) f(s, i / tiles, i % tiles);
      });
    }
  }
};

// x as a number of 16 bits, rounded to nearest even, if it is to enter a product of such.
template <class D>
HWY_INLINE hn::Vec<D> rounded(D d, hn::Vec<D> x, bool narrow) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    if (!narrow) return x;
    const hn::RebindToUnsigned<D> du;
    const auto u = hn::BitCast(du, x), odd = hn::And(hn::ShiftRight<16>(u), hn::Set(du, 1u));
    const auto up = hn::Add(u, hn::Add(odd, hn::Set(du, 0x7fffu)));
    const auto y = hn::BitCast(d, hn::And(up, hn::Set(du, 0xffff0000u)));
    return hn::IfThenElse(hn::IsNaN(x), x, y);
  }
  return x;
}

// --- forward

// Panel p: for each k the weights from h_k to gates i, f, g, o of units p kLanes...
template <class T, class W>
Panels<T> pack_by_gate(In w, int64_t hidden) {
  constexpr int64_t L = kLanes<T>;
  const int64_t panels = (hidden + L - 1) / L;
  const Panels<T> packed{std::make_shared<Scratch<T>>(panels * hidden * kWidth<T>), hidden};
  T* const to = packed.memory->data();
  const W* const from = w.as<W>();
  parallel_for(panels, std::max<int64_t>(1, 65536 / (hidden * kWidth<T>)), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      T* const panel = to + p * hidden * kWidth<T>;
      for (int64_t gate = 0; gate < 4; ++gate) {
        for (int64_t j = 0; j < L; ++j) {
          const int64_t unit = p * L + j;
          T* column = panel + gate * L + j;
          const W* row = from + (gate * hidden + unit) * hidden;
          for (int64_t k = 0; k < hidden; ++k)
            column[k * kWidth<T>] = unit < hidden ? static_cast<T>(row[k]) : T(0);
        }
      }
    }
  });
  return packed;
}

template <class T>
Panels<T> pack_by_gate(In w, int64_t hidden) {
  if constexpr (std::is_same_v<T, float>) {
    if (w.dtype == DType::bfloat16) return pack_by_gate<T, bfloat16>(w, hidden);
  }
  return pack_by_gate<T, T>(w, hidden);
}

// The packed form is kept with the weights until they are written to.
template <class T>
struct KeptPanels {
  const void* data;
  int64_t hidden;
  Panels<T> panels;
};

template <class T>
Panels<T> panels_by_gate(In w, int64_t hidden) {
  constexpr uint64_t kKind = uint64_t{5} << 56 | uint64_t{sizeof(T)} << 8 | kLanes<T>;
  if (!w.owner || w.owner->is_external()) return pack_by_gate<T>(w, hidden);
  const uint64_t version = w.owner->version();
  const auto found = std::static_pointer_cast<const KeptPanels<T>>(w.owner->derived(kKind));
  if (found && found->data == w.data && found->hidden == hidden) return found->panels;
  Panels<T> panels = pack_by_gate<T>(w, hidden);
  w.owner->set_derived(kKind, version,
                       std::make_shared<const KeptPanels<T>>(KeptPanels<T>{w.data, hidden, panels}));
  return panels;
}

// One step of the units of a panel, given the products with the last h.
template <class T>
void cells(const T* products, int64_t rows, int64_t row, int64_t unit, int64_t hidden, bool keep, bool narrow,
           Rows<T> gates, Rows<T> c_last, Rows<T> c, Rows<T> h) {
  const hn::ScalableTag<T> d;
  const int64_t count = hidden - unit;
  for (int64_t r = row; r < row + rows; ++r, products += kWidth<T>) {
    T* const g = gates.at(r, unit);
    const auto sum = [&](int64_t gate) HWY_ATTR {
      return hn::Add(hn::Load(d, products + gate * kLanes<T>), LoadPart(d, g + gate * hidden, count, T(0)));
    };
    const auto in = Sigmoid(d, sum(0)), forget = Sigmoid(d, sum(1)), value = Tanh(d, sum(2)),
               out = Sigmoid(d, sum(3));
    auto cell = hn::Mul(in, value);
    if (c_last.data) cell = hn::MulAdd(forget, LoadPart(d, c_last.at(r, unit), count, T(0)), cell);
    StorePart(cell, d, c.at(r, unit), count);
    StorePart(rounded(d, hn::Mul(out, Tanh(d, cell)), narrow), d, h.at(r, unit), count);
    if (!keep) continue;
    StorePart(in, d, g, count);
    StorePart(forget, d, g + hidden, count);
    StorePart(value, d, g + 2 * hidden, count);
    StorePart(out, d, g + 3 * hidden, count);
  }
}

template <class T>
void forward(In weight, In h0, In c0, bool reverse, Out gates_out, Out c_out, Out h_out) {
  const int64_t steps = (*gates_out.sizes)[0], batch = (*gates_out.sizes)[1], hidden = (*weight.sizes)[1];
  const bool keep = (*c_out.sizes)[0] == steps, narrow = weight.dtype == DType::bfloat16;
  const Panels<T> panels = panels_by_gate<T>(weight, hidden);
  const Plan plan = Plan::make<T>(steps, batch, hidden, kLanes<T>, hidden);
  const Series<T> gates(gates_out), c(c_out), h(h_out);
  const Rows<T> h_first = Series<T>(h0).at(0), c_first = Series<T>(c0).at(0);
  plan.each([&](int64_t s, int64_t p, int64_t tile) {
    HWY_ALIGN T products[kRowTile * kWidth<T>];
    const int64_t t = reverse ? steps - 1 - s : s, before = reverse ? t + 1 : t - 1;
    const Rows<T> h_last = s == 0 ? h_first : h.at(before), c_last = s == 0 ? c_first : c.at(before);
    const int64_t row = plan.begin(tile), rows = plan.rows(tile);
    if (h_last.data) {
      product<T>(h_last.at(row, 0), h_last.stride, rows, panels.panel(p), hidden, products);
    } else {
      std::fill(products, products + rows * kWidth<T>, T(0));
    }
    cells(products, rows, row, p * kLanes<T>, hidden, keep, narrow, gates.at(t), c_last, c.at(t), h.at(t));
  });
}

// --- backward

// Panel p: for each gate's row of weights those to units p kWidth...
template <class T, class W>
Panels<T> pack_by_unit(In w, int64_t hidden) {
  const int64_t panels = (hidden + kWidth<T> - 1) / kWidth<T>, depth = 4 * hidden;
  const Panels<T> packed{std::make_shared<Scratch<T>>(panels * depth * kWidth<T>), depth};
  T* const to = packed.memory->data();
  const W* const from = w.as<W>();
  parallel_for(panels, std::max<int64_t>(1, 131072 / (depth * kWidth<T>)), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t unit = p * kWidth<T>, count = std::min(kWidth<T>, hidden - unit);
      for (int64_t k = 0; k < depth; ++k) {
        T* const row = to + (p * depth + k) * kWidth<T>;
        std::transform(from + k * hidden + unit, from + k * hidden + unit + count, row,
                       [](W x) { return static_cast<T>(x); });
        std::fill(row + count, row + kWidth<T>, T(0));
      }
    }
  });
  return packed;
}

template <class T>
Panels<T> pack_by_unit(In w, int64_t hidden) {
  if constexpr (std::is_same_v<T, float>) {
    if (w.dtype == DType::bfloat16) return pack_by_unit<T, bfloat16>(w, hidden);
  }
  return pack_by_unit<T, T>(w, hidden);
}

// What a step of backward reads and writes; narrow: dsums are numbers of 16 bits.
template <class T>
struct Step {
  bool narrow;
  Rows<T> gates, c, c_last, dh, dsums, dc;
};

// One step of one vector of units: `dh_next` (rows, kWidth) is what the next step passes to h.
template <class T>
void cell_gradients(const Step<T>& s, const T* dh_next, int64_t rows, int64_t row, int64_t unit,
                    int64_t hidden, T* dbias) {
  const hn::ScalableTag<T> d;
  const int64_t count = hidden - unit;
  const auto one = hn::Set(d, T(1));
  const auto part = [&](const T* p) HWY_ATTR { return LoadPart(d, p, count, T(0)); };
  auto total_i = hn::Zero(d), total_f = total_i, total_g = total_i, total_o = total_i;
  for (int64_t r = row; r < row + rows; ++r, dh_next += kWidth<T>) {
    const T* const gates = s.gates.at(r, unit);
    const auto in = part(gates), forget = part(gates + hidden), value = part(gates + 2 * hidden),
               out = part(gates + 3 * hidden);
    auto dh = hn::Load(d, dh_next);
    if (s.dh.data) dh = hn::Add(dh, part(s.dh.at(r, unit)));
    const auto bent = Tanh(d, part(s.c.at(r, unit)));
    const auto dout = hn::Mul(dh, bent);
    const auto dc = hn::MulAdd(hn::Mul(dh, out), hn::NegMulAdd(bent, bent, one), part(s.dc.at(r, unit)));
    const auto c_last = s.c_last.data ? part(s.c_last.at(r, unit)) : hn::Zero(d);
    // through a sigmoid y: y (1 - y), through tanh: 1 - y^2
    const auto sum_i = hn::Mul(hn::Mul(dc, value), hn::NegMulAdd(in, in, in));
    const auto sum_f = hn::Mul(hn::Mul(dc, c_last), hn::NegMulAdd(forget, forget, forget));
    const auto sum_g = hn::Mul(hn::Mul(dc, in), hn::NegMulAdd(value, value, one));
    const auto sum_o = hn::Mul(dout, hn::NegMulAdd(out, out, out));
    StorePart(hn::Mul(dc, forget), d, s.dc.at(r, unit), count);
    T* const dsums = s.dsums.at(r, unit);
    StorePart(rounded(d, sum_i, s.narrow), d, dsums, count);
    StorePart(rounded(d, sum_f, s.narrow), d, dsums + hidden, count);
    StorePart(rounded(d, sum_g, s.narrow), d, dsums + 2 * hidden, count);
    StorePart(rounded(d, sum_o, s.narrow), d, dsums + 3 * hidden, count);
    total_i = hn::Add(total_i, sum_i), total_f = hn::Add(total_f, sum_f);
    total_g = hn::Add(total_g, sum_g), total_o = hn::Add(total_o, sum_o);
  }
  const auto add = [&](T* to, auto total) HWY_ATTR { StorePart(hn::Add(part(to), total), d, to, count); };
  add(dbias + unit, total_i);
  add(dbias + hidden + unit, total_f);
  add(dbias + 2 * hidden + unit, total_g);
  add(dbias + 3 * hidden + unit, total_o);
}

// dst (rows, kWidth), in the columns that there are, to or from a matrix.
template <class T>
void copy_rows(const T* from, int64_t from_row, int64_t rows, int64_t count, T* to, int64_t to_row) {
  for (int64_t r = 0; r < rows; ++r) std::copy_n(from + r * from_row, count, to + r * to_row);
}

template <class T>
void backward(In weight, In c0, In gates_in, In c_in, In dh_in, In dh_n, In dc_n, bool reverse, Out dsums_out,
              Out dh0, Out dc0, Out dbias) {
  const int64_t steps = (*gates_in.sizes)[0], batch = (*gates_in.sizes)[1], hidden = (*weight.sizes)[1];
  const bool narrow = weight.dtype == DType::bfloat16;
  const Panels<T> panels = pack_by_unit<T>(weight, hidden);
  const Plan plan = Plan::make<T>(steps, batch, hidden, kWidth<T>, 4 * hidden);
  const Series<T> gates(gates_in), c(c_in), dh(dh_in), dsums(dsums_out);
  const Rows<T> first_c = Series<T>(c0).at(0), last_dh = Series<T>(dh_n).at(0), dc = Series<T>(dc0).at(0);
  if (dc_n.defined()) {
    const Rows<T> from = Series<T>(dc_n).at(0);
    copy_rows(from.data, from.stride, batch, hidden, dc.data, dc.stride);
  } else {
    std::fill(dc.data, dc.data + batch * hidden, T(0));
  }
  const Scratch<T> sums(plan.tiles * 4 * hidden);  // of the biases, for each tile of rows
  std::fill(sums.data(), sums.data() + plan.tiles * 4 * hidden, T(0));

  plan.each([&](int64_t back, int64_t p, int64_t tile) {
    HWY_ALIGN T dh_next[kRowTile * kWidth<T>];
    const int64_t s = steps - 1 - back, t = reverse ? back : s, before = reverse ? t + 1 : t - 1;
    const Step<T> step{narrow,   gates.at(t), c.at(t), s > 0 ? c.at(before) : first_c,
                       dh.at(t), dsums.at(t), dc};
    const int64_t row = plan.begin(tile), rows = plan.rows(tile), first = p * kWidth<T>;
    if (back > 0) {
      const Rows<T> next = dsums.at(reverse ? t - 1 : t + 1);
      product<T>(next.at(row, 0), next.stride, rows, panels.panel(p), 4 * hidden, dh_next);
    } else {
      std::fill(dh_next, dh_next + rows * kWidth<T>, T(0));
      if (last_dh.data)
        copy_rows(last_dh.at(row, first), last_dh.stride, rows, std::min(kWidth<T>, hidden - first), dh_next,
                  kWidth<T>);
    }
    for (int64_t unit = first; unit < std::min(first + kWidth<T>, hidden); unit += kLanes<T>)
      cell_gradients(step, dh_next + (unit - first), rows, row, unit, hidden,
                     sums.data() + tile * 4 * hidden);
  });
  if (dh0.defined()) {
    const Rows<T> to = Series<T>(dh0).at(0), next = dsums.at(reverse ? steps - 1 : 0);
    Plan last = plan;
    last.steps = 1;
    last.each([&](int64_t, int64_t p, int64_t tile) {
      HWY_ALIGN T result[kRowTile * kWidth<T>];
      const int64_t row = plan.begin(tile), rows = plan.rows(tile), first = p * kWidth<T>;
      product<T>(next.at(row, 0), next.stride, rows, panels.panel(p), 4 * hidden, result);
      copy_rows(result, kWidth<T>, rows, std::min(kWidth<T>, hidden - first), to.at(row, first), to.stride);
    });
  }
  T* const total = dbias.as<T>();
  std::fill(total, total + 4 * hidden, T(0));
  for (int64_t tile = 0; tile < plan.tiles; ++tile) {
    const T* const part = sums.data() + tile * 4 * hidden;
    for (int64_t j = 0; j < 4 * hidden; ++j) total[j] += part[j];
  }
}

void forward_of_target(In weight, In h0, In c0, bool reverse, Out gates, Out c, Out h) {
  if (h.dtype == DType::float32) return forward<float>(weight, h0, c0, reverse, gates, c, h);
  forward<double>(weight, h0, c0, reverse, gates, c, h);
}

void backward_of_target(In weight, In c0, In gates, In c, In dh, In dh_n, In dc_n, bool reverse, Out dsums,
                        Out dh0, Out dc0, Out dbias) {
  if (c.dtype == DType::float32)
    return backward<float>(weight, c0, gates, c, dh, dh_n, dc_n, reverse, dsums, dh0, dc0, dbias);
  backward<double>(weight, c0, gates, c, dh, dh_n, dc_n, reverse, dsums, dh0, dc0, dbias);
}

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
HWY_EXPORT(forward_of_target);
HWY_EXPORT(backward_of_target);

void lstm(In weight_hh, In h0, In c0, bool reverse, Out gates, Out c, Out h) {
  HWY_DYNAMIC_DISPATCH(forward_of_target)(weight_hh, h0, c0, reverse, gates, c, h);
}

void lstm_backward(In weight_hh, In c0, In gates, In c, In dh, In dh_n, In dc_n, bool reverse, Out dsums,
                   Out dh0, Out dc0, Out dbias) {
  HWY_DYNAMIC_DISPATCH(backward_of_target)
  (weight_hh, c0, gates, c, dh, dh_n, dc_n, reverse, dsums, dh0, dc0, dbias);
}

}  // namespace st::cpu
#endif  // HWY_ONCE
