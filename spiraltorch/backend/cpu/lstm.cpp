// LSTM. A step multiplies all rows of h by weights in panels by gate (lstm_product-inl.h): the sums of a
// unit's gates come out side by side and go through their functions while they are in the first cache.
// Backward multiplies the gates' gradients by panels by unit, which are then the units whose gates come next.
// Products of 16 bits are oneDNN's, a step at once, where they are large enough: it has the instructions.
#include "spiraltorch/backend/cpu/lstm.h"

#include "spiraltorch/backend/cpu/simd/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/lstm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "spiraltorch/backend/cpu/lstm_product-inl.h"
#include "spiraltorch/backend/cpu/onednn/matmul.h"
#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/backend/cpu/simd/math-inl.h"
#include "spiraltorch/backend/cpu/simd/part-inl.h"
#include "spiraltorch/core/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

using simd::HWY_NAMESPACE::LoadPart;
using simd::HWY_NAMESPACE::Sigmoid;
using simd::HWY_NAMESPACE::StorePart;
using simd::HWY_NAMESPACE::Tanh;

constexpr int64_t kRowTile = 24;     // rows of one unit of work, at most
constexpr int64_t kGrain = 1 << 18;  // multiplications that are worth another thread
constexpr int64_t kCellWork = 64;    // multiplications that take as long as a gate's function

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
  Plan of_one_step() const {
    Plan one = *this;
    one.steps = 1;
    return one;
  }
  // One step without its product.
  Plan of_cells() const {
    Plan cells = of_one_step();
    cells.work = (batch / tiles + 1) * kCellWork * (4 * hidden / panels + 1);
    return cells;
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

// A step's product of numbers of 16 bits, x of which are kept as float32: y (batch, n) = or += x (batch, k)
// w^T. False for other weights, and where oneDNN would not gain.
class NarrowProduct {
 public:
  NarrowProduct(In w, int64_t batch, int64_t y_row, bool add) : batch_(batch), depth_((*w.sizes)[1]) {
    constexpr int64_t kSmallest = 48 * 48 * 48;  // below it our own loops are done before oneDNN has begun
    if (w.dtype != DType::bfloat16 || batch * numel_of(*w.sizes) < kSmallest) return;
    const Dims x_sizes{batch, depth_}, y_sizes{batch, (*w.sizes)[0]}, y_strides{y_row, 1};
    const Strides x_strides = contiguous_strides(x_sizes);
    multiply_ = onednn::repeated_linear({nullptr, w.dtype, &x_sizes, &x_strides, nullptr}, w,
                                        {nullptr, DType::float32, &y_sizes, &y_strides}, add);
  }
  explicit operator bool() const { return multiply_ != nullptr; }

  void operator()(Rows<float> x, float* y) const {
    const Scratch<uint16_t> narrow(batch_ * depth_);
    parallel_for(batch_, std::max<int64_t>(1, kGrain / depth_), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const float* const from = x.at(r, 0);
        uint16_t* const to = narrow.data() + r * depth_;
        for (int64_t k = 0; k < depth_; ++k) {
          uint32_t bits;
          std::memcpy(&bits, from + k, sizeof(bits));
          to[k] = static_cast<uint16_t>(bits >> 16);
        }
      }
    });
    multiply_(narrow.data(), y);
  }

 private:
  int64_t batch_, depth_;
  onednn::RepeatedLinear multiply_;
};

// --- forward

// One step of the units of a panel, given the products with the last h where the gates do not hold them yet.
template <class T>
void cells(const T* products, int64_t rows, int64_t row, int64_t unit, int64_t hidden, bool keep, bool narrow,
           Rows<T> gates, Rows<T> c_last, Rows<T> c, Rows<T> h) {
  const hn::ScalableTag<T> d;
  const int64_t count = hidden - unit;
  for (int64_t r = row; r < row + rows; ++r) {
    T* const g = gates.at(r, unit);
    const T* const product = products ? products + (r - row) * kWidth<T> : nullptr;
    const auto sum = [&](int64_t gate) HWY_ATTR {
      const auto direct = LoadPart(d, g + gate * hidden, count, T(0));
      return product ? hn::Add(hn::Load(d, product + gate * kLanes<T>), direct) : direct;
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

// Steps are counted in the order in which they are made.
template <class T>
struct Forward {
  Plan plan;
  bool reverse, keep, narrow;
  Series<T> gates, c, h;
  Rows<T> h_first, c_first;

  int64_t now(int64_t step) const { return reverse ? plan.steps - 1 - step : step; }
  Rows<T> last(const Series<T>& series, Rows<T> first, int64_t step) const {
    return step == 0 ? first : series.at(now(step - 1));
  }
  Rows<T> h_last(int64_t step) const { return last(h, h_first, step); }

  void cells_of(int64_t step, int64_t panel, int64_t tile, const T* products) const {
    const int64_t t = now(step);
    cells(products, plan.rows(tile), plan.begin(tile), panel * kLanes<T>, plan.hidden, keep, narrow,
          gates.at(t), last(c, c_first, step), c.at(t), h.at(t));
  }

  void run(const Panels<T>& panels) const {
    plan.each([&](int64_t step, int64_t p, int64_t tile) {
      const Rows<T> from = h_last(step);
      if (!from.data) return cells_of(step, p, tile, nullptr);
      HWY_ALIGN T products[kRowTile * kWidth<T>];
      product<T>(from.at(plan.begin(tile), 0), from.stride, plan.rows(tile), panels.panel(p), plan.hidden,
                 products);
      cells_of(step, p, tile, products);
    });
  }
  void run(const NarrowProduct& add_product) const {
    for (int64_t step = 0; step < plan.steps; ++step) {
      if (const Rows<T> from = h_last(step); from.data) add_product(from, gates.at(now(step)).data);
      plan.of_cells().each([&](int64_t, int64_t p, int64_t tile) { cells_of(step, p, tile, nullptr); });
    }
  }
};

template <class T>
void forward(In weight, In h0, In c0, bool reverse, Out gates, Out c, Out h) {
  const int64_t steps = (*gates.sizes)[0], batch = (*gates.sizes)[1], hidden = (*weight.sizes)[1];
  const Forward<T> pass{.plan = Plan::make<T>(steps, batch, hidden, kLanes<T>, hidden),
                        .reverse = reverse,
                        .keep = (*c.sizes)[0] == steps,
                        .narrow = weight.dtype == DType::bfloat16,
                        .gates = Series<T>(gates),
                        .c = Series<T>(c),
                        .h = Series<T>(h),
                        .h_first = Series<T>(h0).at(0),
                        .c_first = Series<T>(c0).at(0)};
  if constexpr (std::is_same_v<T, float>) {
    if (const NarrowProduct by_onednn(weight, batch, pass.gates.row, true); by_onednn)
      return pass.run(by_onednn);
  }
  pass.run(panels_by_gate<T>(weight, hidden));
}

// --- backward

// What a step of backward reads and writes; narrow: dsums are numbers of 16 bits.
template <class T>
struct Step {
  bool narrow;
  Rows<T> gates, c, c_last, dh, dsums, dc;
};

// One step of one vector of units: `dh_next`, rows `dh_row` apart, is what the next step passes to h; null:
// nothing.
template <class T>
void cell_gradients(const Step<T>& s, const T* dh_next, int64_t dh_row, int64_t rows, int64_t row,
                    int64_t unit, int64_t hidden, T* dbias) {
  const hn::ScalableTag<T> d;
  const int64_t count = hidden - unit;
  const auto one = hn::Set(d, T(1));
  const auto part = [&](const T* p) HWY_ATTR { return LoadPart(d, p, count, T(0)); };
  auto total_i = hn::Zero(d), total_f = total_i, total_g = total_i, total_o = total_i;
  for (int64_t r = row; r < row + rows; ++r) {
    const T* const gates = s.gates.at(r, unit);
    const auto in = part(gates), forget = part(gates + hidden), value = part(gates + 2 * hidden),
               out = part(gates + 3 * hidden);
    auto dh = dh_next ? part(dh_next + (r - row) * dh_row) : hn::Zero(d);
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

template <class T>
void copy_rows(Rows<T> from, int64_t rows, int64_t width, Rows<T> to) {
  for (int64_t r = 0; r < rows; ++r) std::copy_n(from.at(r, 0), width, to.at(r, 0));
}

// Steps are counted from the last one back.
template <class T>
struct Backward {
  Plan plan;
  bool reverse, narrow;
  Series<T> gates, c, dh, dsums;
  Rows<T> c_first, dh_n, dc, dh0;
  T* dbias;  // a row a tile

  int64_t now(int64_t step) const { return reverse ? step : plan.steps - 1 - step; }
  T* bias_of(int64_t tile) const { return dbias + tile * 4 * plan.hidden; }

  // `dh_next`, rows `dh_row` apart, is what the step before passed to the h of these rows and units.
  void cells_of(int64_t step, int64_t panel, int64_t tile, const T* dh_next, int64_t dh_row) const {
    const int64_t t = now(step), first = panel * kWidth<T>, end = std::min(first + kWidth<T>, plan.hidden);
    const Rows<T> c_last = step + 1 < plan.steps ? c.at(now(step + 1)) : c_first;
    const Step<T> of_t{narrow, gates.at(t), c.at(t), c_last, dh.at(t), dsums.at(t), dc};
    for (int64_t unit = first; unit < end; unit += kLanes<T>) {
      cell_gradients(of_t, dh_next ? dh_next + (unit - first) : nullptr, dh_row, plan.rows(tile),
                     plan.begin(tile), unit, plan.hidden, bias_of(tile));
    }
  }
  // The same for dh_next as a whole matrix, or nothing.
  void cells_of(int64_t step, int64_t panel, int64_t tile, Rows<T> next) const {
    cells_of(step, panel, tile, next.data ? next.at(plan.begin(tile), panel * kWidth<T>) : nullptr,
             next.stride);
  }

  void run(const Panels<T>& panels) const {
    const auto multiply = [&](int64_t step, int64_t p, int64_t tile, T* result) {
      const Rows<T> from = dsums.at(now(step));
      product<T>(from.at(plan.begin(tile), 0), from.stride, plan.rows(tile), panels.panel(p), 4 * plan.hidden,
                 result);
    };
    plan.each([&](int64_t step, int64_t p, int64_t tile) {
      if (step == 0) return cells_of(step, p, tile, dh_n);
      HWY_ALIGN T dh_next[kRowTile * kWidth<T>];
      multiply(step - 1, p, tile, dh_next);
      cells_of(step, p, tile, dh_next, kWidth<T>);
    });
    if (!dh0.data) return;
    plan.of_one_step().each([&](int64_t, int64_t p, int64_t tile) {
      HWY_ALIGN T result[kRowTile * kWidth<T>];
      multiply(plan.steps - 1, p, tile, result);
      const int64_t first = p * kWidth<T>;
      copy_rows<T>({result, kWidth<T>}, plan.rows(tile), std::min(kWidth<T>, plan.hidden - first),
                   {dh0.at(plan.begin(tile), first), dh0.stride});
    });
  }
  void run(const NarrowProduct& product) const {
    const Scratch<T> memory(plan.batch * plan.hidden);
    const Rows<T> dh_next{memory.data(), plan.hidden};
    for (int64_t step = 0; step < plan.steps; ++step) {
      if (step > 0) product(dsums.at(now(step - 1)), dh_next.data);
      plan.of_cells().each(
          [&](int64_t, int64_t p, int64_t tile) { cells_of(step, p, tile, step > 0 ? dh_next : dh_n); });
    }
    if (!dh0.data) return;
    product(dsums.at(now(plan.steps - 1)), dh_next.data);
    copy_rows(dh_next, plan.batch, plan.hidden, dh0);
  }
};

template <class T>
void backward(In weight, In c0, In gates, In c, In dh, In dh_n, In dc_n, bool reverse, Out dsums, Out dh0,
              Out dc0, Out dbias) {
  const int64_t steps = (*gates.sizes)[0], batch = (*gates.sizes)[1], hidden = (*weight.sizes)[1];
  const Plan plan = Plan::make<T>(steps, batch, hidden, kWidth<T>, 4 * hidden);
  const Scratch<T> bias_sums(plan.tiles * 4 * hidden);
  std::fill(bias_sums.data(), bias_sums.data() + plan.tiles * 4 * hidden, T(0));
  const Backward<T> pass{.plan = plan,
                         .reverse = reverse,
                         .narrow = weight.dtype == DType::bfloat16,
                         .gates = Series<T>(gates),
                         .c = Series<T>(c),
                         .dh = Series<T>(dh),
                         .dsums = Series<T>(dsums),
                         .c_first = Series<T>(c0).at(0),
                         .dh_n = Series<T>(dh_n).at(0),
                         .dc = Series<T>(dc0).at(0),
                         .dh0 = Series<T>(dh0).at(0),
                         .dbias = bias_sums.data()};
  if (dc_n.defined()) {
    copy_rows(Series<T>(dc_n).at(0), batch, hidden, pass.dc);
  } else {
    for (int64_t r = 0; r < batch; ++r) std::fill_n(pass.dc.at(r, 0), hidden, T(0));
  }
  const auto run = [&] {
    if constexpr (std::is_same_v<T, float>) {
      const Dims sizes{hidden, 4 * hidden}, strides{1, hidden};
      const In transposed{weight.data, weight.dtype, &sizes, &strides, nullptr};
      if (const NarrowProduct by_onednn(transposed, batch, hidden, false); by_onednn)
        return pass.run(by_onednn);
    }
    pass.run(pack_by_unit<T>(weight, hidden));
  };
  run();
  T* const total = dbias.as<T>();
  std::fill(total, total + 4 * hidden, T(0));
  for (int64_t tile = 0; tile < plan.tiles; ++tile) {
    for (int64_t j = 0; j < 4 * hidden; ++j) total[j] += pass.bias_of(tile)[j];
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
