// The Riemannian step of ball rows: gradient, moments, geodesic and transport of the moment in one kernel.
// Everything lies in the span of the row w, its gradient g and its moment m, so that three sweeps over a
// block of rows in L1 do: inner products along rows; all scalars, one lane a row; combinations along rows.
// A sweep between gives |W|^2 and <w, W> of W = w + tau s as it is computed, for near points must not cancel.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/ball_step.cpp"
#include "spiraltorch/backend/cpu/ball_step.h"
#include "spiraltorch/backend/cpu/simd/targets.h"
// clang-format off
#include <hwy/foreach_target.h>  // compiles this file once for every target
// clang-format on
#include <cstring>
#include <limits>

#include "spiraltorch/backend/cpu/hyperbolic_rows-inl.h"
#include "spiraltorch/core/parallel.h"

#ifndef SPIRALTORCH_BACKEND_CPU_BALL_STEP_ARGS
#define SPIRALTORCH_BACKEND_CPU_BALL_STEP_ARGS
namespace st::cpu {
struct BallStepArgs {
  BallStep step;
  int64_t width;
  void* w;
  const void* g;
  void *m, *v;
};
}  // namespace st::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {

// The inner products of a row, without and with a moment: places in kDots.
struct PlainRow {
  static constexpr int kInputs = 2;  // w, g
  static constexpr std::array<Dot, 3> kDots = {{{0, 0}, {0, 1}, {1, 1}}};
};
struct MomentRow {
  static constexpr int kInputs = 3;  // w, g, m
  static constexpr std::array<Dot, 6> kDots = {{{0, 0}, {0, 1}, {1, 1}, {0, 2}, {1, 2}, {2, 2}}};
};

// Rows as narrow as this are written beside their arrays and copied a block at a time: a masked store to the
// end of a row delays the loads from the start of the next row, which lie within its vector.
constexpr int64_t kStagedWidth = 32;

// |W|^2 as a part of the squares of what W is the sum of: below it the inner products do not tell |W|^2 to
// the precision of T.
template <class T>
constexpr double kCancelled = sizeof(T) == sizeof(float) ? 0x1p-20 : 0x1p-2;

// What is known of kRowBlock rows between the sweeps.
template <class Form, class T>
struct StepBuffers {
  RowBlock block;                          // row, dots
  HWY_ALIGN double path[3 * kRowBlock];    // W = path . (w, g, m)
  HWY_ALIGN double square[kRowBlock];      // |W|^2
  HWY_ALIGN double along[kRowBlock];       // <w, W>
  HWY_ALIGN double apart[2 * kRowBlock];   // the new point = apart . (w, W)
  HWY_ALIGN double point[3 * kRowBlock];   // = point . (w, g, m)
  HWY_ALIGN double moment[3 * kRowBlock];  // the new moment = moment . (w, g, m)
  HWY_ALIGN double v[kRowBlock];
  HWY_ALIGN T staged_w[kRowBlock * kStagedWidth], staged_m[kRowBlock * kStagedWidth];
};

// What the first part of the scalars tells the second.
struct Direction {
  V a, scale, mw, mg, along_w, length2;  // m' = mw w + mg g + keep m, <m',w>, |m'|^2; s = scale m'
  ExpStep exp;
};

// The moment m' and the step s = scale m'.
template <class T, class Form>
HWY_INLINE Direction direction_of(const BallStep& o, StepBuffers<Form, T>& b, int64_t r) {
  const Row d;
  const auto dot = [&](size_t i) HWY_ATTR { return hn::Load(d, b.block.dots + i * kRowBlock + r); };
  const V c = constant(o.c), ww = dot(0), wg = dot(1), gg = dot(2);
  Direction k;
  k.a = gap<T>(c, ww);
  const V quarter = hn::Mul(constant(0.25), square(k.a));
  const V sign = constant(o.sign), decay = constant(o.decay);
  k.mg = product(constant(o.gain), quarter, sign);
  k.mw = product(constant(o.gain), quarter, decay);
  const V twice_mw = hn::Add(k.mw, k.mw);
  k.along_w = hn::MulAdd(k.mg, wg, hn::Mul(k.mw, ww));
  k.length2 = hn::MulAdd(square(k.mg), gg, hn::MulAdd(square(k.mw), ww, product(twice_mw, k.mg, wg)));
  if constexpr (Form::kInputs == 3) {
    const V keep = constant(o.keep), wm = dot(3), gm = dot(4), mm = dot(5);
    k.along_w = hn::MulAdd(keep, wm, k.along_w);
    const V mixed = hn::MulAdd(hn::Add(k.mg, k.mg), gm, hn::Mul(twice_mw, wm));
    k.length2 = hn::MulAdd(keep, hn::MulAdd(keep, mm, mixed), k.length2);
  }
  k.length2 = hn::Max(k.length2, hn::Zero(d));
  k.scale = constant(-o.lr);
  if (o.rule == StepRule::adam) {
    const V g2 =
        hn::MulAdd(square(sign), gg, hn::MulAdd(square(decay), ww, product(hn::Add(sign, sign), decay, wg)));
    const V part = product(constant((1 - o.beta2) / o.parts), quarter, hn::Max(g2, hn::Zero(d)));
    const V v = hn::Min(hn::MulAdd(constant(o.beta2), hn::Load(d, b.v + r), part),
                        constant(static_cast<double>(std::numeric_limits<T>::max())));
    hn::Store(v, d, b.v + r);
    k.scale = hn::Div(k.scale, hn::MulAdd(constant(o.correction), hn::Sqrt(v), constant(o.eps)));
  }
  return k;
}

// W = w + tau s: tau is 1 for a retraction.
template <class T, class Form>
HWY_INLINE void set_path(const BallStep& o, Direction& k, StepBuffers<Form, T>& b, int64_t r) {
  const Row d;
  V tau = constant(1);
  if (o.geodesic) {
    k.exp = exp_step(constant(o.c), k.a, hn::Mul(square(k.scale), k.length2), constant(gap_floor<T>()));
    tau = k.exp.tau;
  }
  const V by = hn::Mul(tau, k.scale);
  hn::Store(hn::MulAdd(by, k.mw, constant(1)), d, b.path + r);
  hn::Store(hn::Mul(by, k.mg), d, b.path + kRowBlock + r);
  hn::Store(hn::Mul(by, constant(o.keep)), d, b.path + 2 * kRowBlock + r);
}

// The new point z, and with D = z - w = ds s + dw w the transport of m' to it.
template <class T, class Form>
HWY_INLINE void set_outputs(const BallStep& o, const Direction& k, StepBuffers<Form, T>& b, int64_t r) {
  const Row d;
  const V one = constant(1), c = constant(o.c), cww = hn::Mul(c, hn::Load(d, b.square + r));
  V gap_z, inside, ds, dw, of_w, of_path;
  if (o.geodesic) {
    const V square_path = hn::Load(d, b.square + r), w_path = hn::Load(d, b.along + r);
    const V inverse = hn::Div(one, hn::MulAdd(k.a, k.exp.b, cww));
    const V raw_path = hn::Mul(k.a, inverse), raw_w = hn::Mul(cww, inverse);
    const V limit = constant(ball_gap<T>());
    gap_z = product(k.a, k.exp.b, inverse);
    inside =
        keep_sum_inside(c, raw_path, raw_w, gap_z, hn::Load(d, b.block.dots + r), square_path, w_path, limit);
    gap_z = hn::IfThenElse(hn::Lt(inside, one), limit, gap_z);
    const V along = hn::Mul(raw_path, inside);
    of_path = along;
    of_w = hn::Mul(raw_w, inside);
    ds = hn::Mul(along, k.exp.tau);
    dw = hn::MulAdd(along, hn::Mul(k.exp.q, square(k.exp.t.value)), hn::Sub(inside, one));  // q T^2 = 1 - B
  } else {
    gap_z = hn::Sub(one, cww);
    inside = keep_inside(gap_z, constant(ball_gap<T>()));
    of_path = ds = inside;
    of_w = hn::Zero(d);
    dw = hn::Sub(inside, one);
  }
  hn::Store(of_w, d, b.apart + r);
  hn::Store(of_path, d, b.apart + kRowBlock + r);
  const auto along_path = [&](int64_t i) HWY_ATTR { return hn::Load(d, b.path + i * kRowBlock + r); };
  hn::Store(hn::MulAdd(of_path, along_path(0), of_w), d, b.point + r);
  hn::Store(hn::Mul(of_path, along_path(1)), d, b.point + kRowBlock + r);
  hn::Store(hn::Mul(of_path, along_path(2)), d, b.point + 2 * kRowBlock + r);
  if constexpr (Form::kInputs == 3) {
    // Storing z rounds its gap. Near the limit the moment takes the least gap that can come of it: else a
    // point that is pushed against the limit would gain length there, step by step.
    const V kept = hn::Max(gap_z, constant(ball_gap<T>()));
    const auto near = hn::Lt(kept, constant(16 * ball_gap<T>()));
    const V gap_b = hn::IfThenElse(near, hn::Sub(kept, constant(0.5 * ball_gap<T>())), kept);
    const V ww = hn::Load(d, b.block.dots + r);
    const V dm = hn::Mul(ds, k.scale);  // D = dm m' + dw w
    const V to_m = hn::MulAdd(dm, k.length2, hn::Mul(dw, k.along_w));
    const V to_w = hn::MulAdd(dm, k.along_w, hn::Mul(dw, ww));
    const V cdd = hn::Mul(c, hn::Max(hn::Zero(d), hn::MulAdd(dm, to_m, hn::Mul(dw, to_w))));
    const TransportTerms t = transport_of_gaps(c, k.a, gap_b, ww, cdd, k.along_w, to_m);
    const V bend = hn::Mul(t.eta, t.alpha);
    const V of_m = hn::MulAdd(bend, dm, t.rho);
    hn::Store(hn::MulAdd(of_m, k.mw, hn::MulAdd(bend, dw, hn::Mul(t.eta, t.gamma))), d, b.moment + r);
    hn::Store(hn::Mul(of_m, k.mg), d, b.moment + kRowBlock + r);
    hn::Store(hn::Mul(of_m, constant(o.keep)), d, b.moment + 2 * kRowBlock + r);
  }
}

template <class Form>
HWY_INLINE V combine_row(const double* factors, const V* e) {
  V sum = hn::Mul(constant(factors[0]), e[0]);
  sum = hn::MulAdd(constant(factors[kRowBlock]), e[1], sum);
  if constexpr (Form::kInputs == 3) sum = hn::MulAdd(constant(factors[2 * kRowBlock]), e[2], sum);
  return sum;
}
template <bool kTail, class Form, class T>
HWY_INLINE void load_row_vectors(const T* const* row, int64_t j, const Tail<T>& tail, V* e) {
  e[0] = load_some<kTail>(row[0] + j, tail);
  e[1] = load_some<kTail>(row[1] + j, tail);
  if constexpr (Form::kInputs == 3) e[2] = load_some<kTail>(row[2] + j, tail);
}

// |W|^2 and <w, W> of a vector of rows from the inner products of w, g and m. False where their terms cancel
// in |W|^2: as W passes near the origin.
template <class Form, class T>
HWY_INLINE bool path_from_products(StepBuffers<Form, T>& b, int64_t r) {
  const Row d;
  const auto dot = [&](size_t i) HWY_ATTR { return hn::Load(d, b.block.dots + i * kRowBlock + r); };
  const V of_w = hn::Load(d, b.path + r), of_g = hn::Load(d, b.path + kRowBlock + r);
  V with_w = hn::MulAdd(of_g, dot(1), hn::Mul(of_w, dot(0)));  // <w, W>
  V with_g = hn::MulAdd(of_g, dot(2), hn::Mul(of_w, dot(1)));
  V square_path, parts = hn::MulAdd(square(of_g), dot(2), hn::Mul(square(of_w), dot(0)));
  if constexpr (Form::kInputs == 3) {
    const V of_m = hn::Load(d, b.path + 2 * kRowBlock + r);
    with_w = hn::MulAdd(of_m, dot(3), with_w);
    with_g = hn::MulAdd(of_m, dot(4), with_g);
    const V with_m = hn::MulAdd(of_m, dot(5), hn::MulAdd(of_g, dot(4), hn::Mul(of_w, dot(3))));
    square_path = hn::MulAdd(of_m, with_m, hn::MulAdd(of_g, with_g, hn::Mul(of_w, with_w)));
    parts = hn::MulAdd(square(of_m), dot(5), parts);
  } else {
    square_path = hn::MulAdd(of_g, with_g, hn::Mul(of_w, with_w));
  }
  hn::Store(square_path, d, b.square + r);
  hn::Store(with_w, d, b.along + r);
  return hn::AllTrue(d, hn::Ge(square_path, hn::Mul(constant(kCancelled<T>), parts)));
}

// The same from the elements of W.
template <class Form, class T>
HWY_NOINLINE void path_from_rows(StepBuffers<Form, T>& b, int64_t r, int64_t width, const Tail<T>& tail) {
  HWY_ALIGN double squares[kLanes * kLanes], alongs[kLanes * kLanes];
  for (int64_t i = 0; i < kLanes; ++i) {
    const T* row[Form::kInputs];
    rows_at(b.block, r + i, row, std::make_index_sequence<Form::kInputs>());
    V sum = hn::Zero(Row()), mixed = sum, e[3];
    const auto add = [&]() HWY_ATTR {
      const V p = combine_row<Form>(b.path + r + i, e);
      sum = hn::MulAdd(p, p, sum);
      mixed = hn::MulAdd(p, e[0], mixed);
    };
    int64_t j = 0;
    for (; j + kLanes <= width; j += kLanes) {
      load_row_vectors<false, Form>(row, j, tail, e);
      add();
    }
    if (j < width) {
      load_row_vectors<true, Form>(row, j, tail, e);
      add();
    }
    hn::Store(sum, Row(), squares + i * kLanes);
    hn::Store(mixed, Row(), alongs + i * kLanes);
  }
  hn::Store(sums_of_rows(squares), Row(), b.square + r);
  hn::Store(sums_of_rows(alongs), Row(), b.along + r);
}

// The new points and moments of a block, the first rows in whole vectors. kApart: W is formed before it is
// multiplied, for it may nearly cancel.
template <bool kApart, class Form, class T>
HWY_NOINLINE void write_steps(const StepBuffers<Form, T>& b, int64_t count, int64_t in_whole_vectors,
                              int64_t width, const Tail<T>& tail, T* w, T* m) {
  V e[3];
  const T* row[Form::kInputs];
  for (int64_t r = 0; r < count; ++r, w += width) {
    rows_at(b.block, r, row, std::make_index_sequence<Form::kInputs>());
    const auto point = [&]() HWY_ATTR {
      if constexpr (!kApart) return combine_row<Form>(b.point + r, e);
      const V of_w = constant(b.apart[r]), of_path = constant(b.apart[kRowBlock + r]);
      return hn::MulAdd(of_path, combine_row<Form>(b.path + r, e), hn::Mul(of_w, e[0]));
    };
    const bool whole = r < in_whole_vectors;
    int64_t j = 0;
    for (; j + kLanes <= width; j += kLanes) {
      load_row_vectors<false, Form>(row, j, tail, e);
      store_row(point(), w + j);
      if constexpr (Form::kInputs == 3) store_row(combine_row<Form>(b.moment + r, e), m + j);
    }
    if (j < width) {
      load_row_vectors<true, Form>(row, j, tail, e);
      store_some(point(), tail, whole, w + j);
      if constexpr (Form::kInputs == 3) store_some(combine_row<Form>(b.moment + r, e), tail, whole, m + j);
    }
    if constexpr (Form::kInputs == 3) m += width;
  }
}

template <class Form, class T>
void step_rows(const BallStepArgs& args, int64_t begin, int64_t end) {
  const BallStep& o = args.step;
  const int64_t width = args.width;
  T *const w = static_cast<T*>(args.w), *const m = static_cast<T*>(args.m),
           *const v = static_cast<T*>(args.v);
  const T* const g = static_cast<const T*>(args.g);
  const Tail<T> tail = tail_of<T>(width);
  StepBuffers<Form, T> b;
  std::fill(b.block.tau, b.block.tau + kRowBlock, 0.0);
  const T* const inputs[] = {w, g, m};
  for (size_t i = 0; i < Form::kInputs; ++i) b.block.rows[i].space(width * static_cast<int64_t>(sizeof(T)));
  for (int64_t at = begin; at < end; at += kRowBlock) {
    const int64_t count = std::min(kRowBlock, end - at), whole = (count + kLanes - 1) / kLanes * kLanes;
    for (size_t i = 0; i < Form::kInputs; ++i) {
      b.block.rows[i].base = inputs[i] + at * width;
      b.block.rows[i].repeat_last(count, whole);
    }
    if (v) {
      for (int64_t r = 0; r < count; ++r) b.v[r] = static_cast<double>(v[at + r]);
      for (int64_t r = count; r < whole; ++r) b.v[r] = b.v[count - 1];
    }
    dot_rows_of_any_width<Form::kDots, Extra::none, Form::kInputs, T>(b.block, whole, width, b.block.dots);
    bool cancels = false;
    for (int64_t r = 0; r < whole; r += kLanes) {
      Direction k = direction_of<T>(o, b, r);
      set_path<T>(o, k, b, r);
      if (HWY_UNLIKELY(!path_from_products(b, r))) {
        path_from_rows(b, r, width, tail);
        cancels = true;
      }
      set_outputs<T>(o, k, b, r);
    }
    const bool staged = width <= kStagedWidth;
    T* const new_w = staged ? b.staged_w : w + at * width;
    T* const new_m = staged || !m ? b.staged_m : m + at * width;
    // in the array itself the next row is still to be read
    const int64_t in_whole_vectors = staged ? rows_written_whole(count, width, kLanes) : 0;
    cancels ? write_steps<true, Form>(b, count, in_whole_vectors, width, tail, new_w, new_m)
            : write_steps<false, Form>(b, count, in_whole_vectors, width, tail, new_w, new_m);
    if (v) {
      for (int64_t r = 0; r < count; ++r) v[at + r] = static_cast<T>(b.v[r]);
    }
    if (staged) {
      const size_t bytes = static_cast<size_t>(count * width) * sizeof(T);
      std::memcpy(w + at * width, new_w, bytes);
      if (m) std::memcpy(m + at * width, new_m, bytes);
    }
  }
}

void ball_step_rows(const BallStepArgs& args, bool is_double, int64_t begin, int64_t end) {
  if (is_double) {
    args.m ? step_rows<MomentRow, double>(args, begin, end) : step_rows<PlainRow, double>(args, begin, end);
  } else {
    args.m ? step_rows<MomentRow, float>(args, begin, end) : step_rows<PlainRow, float>(args, begin, end);
  }
}

}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {
HWY_EXPORT(ball_step_rows);
}

void ball_step(BallStep step, Out w, In g, Out m, Out v) {
  const int64_t width = w.sizes->back(), rows = (*w.sizes)[0];
  if (width == 0) return;
  const BallStepArgs args{step, width, w.data, g.data, m.data, v.data};
  const bool is_double = w.dtype == DType::float64;
  parallel_for(rows, row_grain(width), [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(ball_step_rows)(args, is_double, begin, end);
  });
}

}  // namespace st::cpu
#endif
