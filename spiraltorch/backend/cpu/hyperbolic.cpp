// The part of the hyperbolic kernels that is the same for every processor: where rows lie and who computes
// which.
#include "spiraltorch/backend/cpu/hyperbolic.h"

#include "spiraltorch/backend/cpu/hyperbolic_rows.h"
#include "spiraltorch/core/parallel.h"

namespace st::cpu {

RowOffsets::RowOffsets(const In& x) {
  for (int i = 0; i + 1 < x.sizes->size(); ++i) {
    const int64_t size = (*x.sizes)[i], stride = (*x.strides)[i];
    if (size == 1) continue;
    if (!sizes_.empty() && strides_.back() == size * stride) {  // runs on from the dimension before
      const int last = sizes_.size() - 1;
      sizes_[last] *= size;
      strides_[last] = stride;
    } else {
      sizes_.push_back(size);
      strides_.push_back(stride);
    }
  }
}

void RowOffsets::fill(int64_t begin, int64_t count, int64_t* offsets) const {
  const int dims = sizes_.size();
  if (dims <= 1) {
    const int64_t stride = dims == 0 ? 0 : strides_[0];
    for (int64_t i = 0; i < count; ++i) offsets[i] = (begin + i) * stride;
    return;
  }
  Dims at = sizes_;
  int64_t rest = begin, offset = 0;
  for (int i = dims - 1; i >= 0; --i) {
    at[i] = rest % sizes_[i];
    rest /= sizes_[i];
    offset += at[i] * strides_[i];
  }
  for (int64_t i = 0; i < count; ++i) {
    offsets[i] = offset;
    for (int k = dims - 1; k >= 0; --k) {
      offset += strides_[k];
      if (++at[k] < sizes_[k]) break;
      offset -= sizes_[k] * strides_[k];
      at[k] = 0;
    }
  }
}

int64_t rows_in(const In& x) {
  int64_t rows = 1;
  for (int i = 0; i + 1 < x.sizes->size(); ++i) rows *= (*x.sizes)[i];
  return rows;
}

namespace {

void run(HyperbolicMap map, Pass pass, const In& x, const HyperbolicRows& args) {
  RowMap loops = hyperbolic_points_map(map, x.dtype, pass);
  if (!loops.apply) loops = hyperbolic_metric_map(map, x.dtype, pass);
  parallel_for(rows_in(x), row_grain(args.width),
               [&](int64_t begin, int64_t end) { run_hyperbolic_rows(loops, args, x.dtype, begin, end); });
}

HyperbolicRows rows_of(const In& x, const In& y, const In& v, const In& c, const In& s) {
  HyperbolicRows args;
  args.width = x.sizes->back();
  args.rows[0] = RowSource(x);
  if (y.defined()) args.rows[1] = RowSource(y);
  if (v.defined()) args.rows[2] = RowSource(v);
  args.c = RowSource(c);
  if (s.defined()) args.s = RowSource(s);
  return args;
}

bool gives_numbers(HyperbolicMap map) {
  return map == HyperbolicMap::dist || map == HyperbolicMap::dist0 || map == HyperbolicMap::lambda_x ||
         map == HyperbolicMap::inner;
}

}  // namespace

void hyperbolic(HyperbolicMap map, In x, In y, In v, In c, In s, Out z, Out kept) {
  HyperbolicRows args = rows_of(x, y, v, c, s);
  (gives_numbers(map) ? args.numbers[0] : args.out[0]) = z.data;
  if (kept.data) args.numbers = {kept.data, static_cast<double*>(kept.data) + rows_in(x)};
  run(map, Pass::forward, x, args);
}

void hyperbolic_backward(HyperbolicMap map, In x, In y, In v, In c, In s, In kept, In dz, Out dx, Out dy,
                         Out dv, Out dc, Out ds) {
  HyperbolicRows args = rows_of(x, y, v, c, s);
  if (gives_numbers(map)) {
    args.g = RowSource(dz);
  } else {
    args.rows[v.defined() ? 3 : y.defined() ? 2 : 1] = RowSource(dz);
  }
  args.out = {dx.data, dy.data, dv.data};
  args.numbers = {dc.data, ds.data};
  if (kept.defined()) {
    const Dims sizes{rows_in(x), 1}, strides{1, 1};
    In number{kept.data, kept.dtype, &sizes, &strides, nullptr};
    args.s = RowSource(number);
    number.data = static_cast<const double*>(kept.data) + rows_in(x);
    args.g = RowSource(number);
  }
  run(map, kept.defined() ? Pass::kept_backward : Pass::backward, x, args);
}

}  // namespace st::cpu
