// dw[o, k] = sum over images and pixels of x[tap k of the pixel] dy[pixel, o]: one pass over dy for every
// nine taps, against the many that a product of matrices makes of it. The batch is cut into parts of its own,
// not of the threads' number: a result does not depend on it.
#include "spiraltorch/backend/cpu/thin_conv.h"

#include "spiraltorch/backend/cpu/simd/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/thin_conv.cpp"
#include <hwy/foreach_target.h>
// foreach_target stands first
#include <hwy/highway.h>

#include <algorithm>
#include <vector>

#include "spiraltorch/backend/cpu/conv.h"
#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/backend/cpu/simd/part-inl.h"
#include "spiraltorch/core/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {
namespace part = simd::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

constexpr int64_t kPixels = 1024;  // summed in registers before they join the sums

// A vector of channels of the pixels from j on: `start` and the products, or, where `more`, what is there and
// the products.
template <int64_t kPixelsAtOnce>
HWY_INLINE void write_pixels(const ThinConv& a, const V* weights, const float* const* taps, int64_t tap_count,
                             V start, bool more, float* y, int64_t j, int64_t count) {
  const D d;
  V sums[kPixelsAtOnce];
  for (int64_t p = 0; p < kPixelsAtOnce; ++p)
    sums[p] = more ? part::LoadPart(d, y + (j + p) * a.out, count, 0.0f) : start;
  for (int64_t k = 0; k < tap_count; ++k) {
    for (int64_t p = 0; p < kPixelsAtOnce; ++p)
      sums[p] = hn::MulAdd(hn::Set(d, taps[k][(j + p) * a.col]), weights[k], sums[p]);
  }
  for (int64_t p = 0; p < kPixelsAtOnce; ++p) part::StorePart(sums[p], d, y + (j + p) * a.out, count);
}

void write_image(const ThinConv& a, const float* bias, float* y) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t o = 0; o < a.out; o += lanes) {
    const int64_t count = a.out - o;
    const V start = bias ? part::LoadPart(d, bias + o, count, 0.0f) : hn::Zero(d);
    for (int64_t first_tap = 0; first_tap < a.tap_count; first_tap += kThinTaps) {
      V weights[kThinTaps];
      for (int64_t k = 0; k < kThinTaps; ++k)
        weights[k] = part::LoadPart(d, a.weight + (first_tap + k) * a.out + o, count, 0.0f);
      for (int64_t i = 0; i < a.height; ++i) {
        const float* taps[kThinTaps];
        for (int64_t k = 0; k < kThinTaps; ++k) taps[k] = a.image + a.taps[first_tap + k] + i * a.row;
        float* to = y + i * a.width * a.out + o;
        const auto write_row = [&](int64_t tap_count) HWY_ATTR {
          int64_t j = 0;
          for (; j + 4 <= a.width; j += 4)
            write_pixels<4>(a, weights, taps, tap_count, start, first_tap > 0, to, j, count);
          for (; j < a.width; ++j)
            write_pixels<1>(a, weights, taps, tap_count, start, first_tap > 0, to, j, count);
        };
        // Nine is a constant to the compiler. Fewer are not filled up with weights of 0: times Inf they are
        // NaN.
        if (a.depth - first_tap >= kThinTaps) {
          write_row(kThinTaps);
        } else {
          write_row(a.depth - first_tap);
        }
      }
    }
  }
}

// The lanes from channel o on, over the rows [first, last).
template <bool kBias>
void add_rows(const ThinConv& a, const float* dy_image, double* bias_sums, int64_t o, int64_t first_tap,
              int64_t first, int64_t last) {
  const D d;
  V sums[kThinTaps], bias = hn::Zero(d);
  for (V& sum : sums) sum = hn::Zero(d);
  for (int64_t i = first; i < last; ++i) {
    const float* taps[kThinTaps];
    for (int64_t k = 0; k < kThinTaps; ++k) taps[k] = a.image + a.taps[first_tap + k] + i * a.row;
    const float* dy = dy_image + i * a.width * a.out + o;
    for (int64_t j = 0; j < a.width; ++j, dy += a.out) {
      const V slope = part::LoadPart(d, dy, a.out - o, 0.0f);
      for (int64_t k = 0; k < kThinTaps; ++k) {
        sums[k] = hn::MulAdd(hn::Set(d, taps[k][j * a.col]), slope, sums[k]);
      }
      if constexpr (kBias) bias = hn::Add(bias, slope);
    }
  }
  for (int64_t k = 0; k < kThinTaps; ++k) {
    float* to = a.weight + (first_tap + k) * a.out + o;
    part::StorePart(hn::Add(part::LoadPart(d, to, a.out - o, 0.0f), sums[k]), d, to, a.out - o);
  }
  if constexpr (kBias) {
    HWY_ALIGN float lanes[hn::MaxLanes(d)];
    hn::Store(bias, d, lanes);
    const int64_t n = std::min(a.out - o, static_cast<int64_t>(hn::Lanes(d)));
    for (int64_t lane = 0; lane < n; ++lane) bias_sums[o + lane] += static_cast<double>(lanes[lane]);
  }
}

void add_image(const ThinConv& a, const float* dy, double* bias) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(D())), rows = std::max<int64_t>(1, kPixels / a.width);
  for (int64_t first = 0; first < a.height; first += rows) {
    const int64_t last = std::min(a.height, first + rows);
    for (int64_t o = 0; o < a.out; o += lanes) {
      add_rows<true>(a, dy, bias, o, 0, first, last);
      for (int64_t k = kThinTaps; k < a.tap_count; k += kThinTaps)
        add_rows<false>(a, dy, bias, o, k, first, last);
    }
  }
}

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {

HWY_EXPORT(write_image);
HWY_EXPORT(add_image);

constexpr int64_t kMostDepth = 4 * kThinTaps;
constexpr int64_t kParts = 8;  // of the batch, each with sums of its own

// The image with zeros around it, as far as the filter reaches.
struct Padded {
  int64_t channels, height, width;

  Padded(const Dims& filter, const Dims& y, const ConvRule& rule)
      : channels(filter[1]),
        height((y[2] - 1) * rule.stride[0] + (filter[2] - 1) * rule.dilation[0] + 1),
        width((y[3] - 1) * rule.stride[1] + (filter[3] - 1) * rule.dilation[1] + 1) {}

  int64_t size() const { return channels * height * width; }

  void fill(In x, int64_t n, const ConvRule& rule, float* to) const {
    const Dims &sizes = *x.sizes, &strides = *x.strides;
    std::fill_n(to, size(), 0.0f);
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t row = 0; row < std::min(sizes[2], height - rule.before[0]); ++row) {
        const float* from = x.as<float>() + n * strides[0] + c * strides[1] + row * strides[2];
        float* line = to + (c * height + row + rule.before[0]) * width + rule.before[1];
        const int64_t columns = std::min(sizes[3], width - rule.before[1]);
        for (int64_t col = 0; col < columns; ++col) line[col] = from[col * strides[3]];
      }
    }
  }

  // Where the filter's elements stand for the first pixel.
  std::vector<int64_t> taps(const Dims& filter, const ConvRule& rule) const {
    std::vector<int64_t> taps;
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t a = 0; a < filter[2]; ++a) {
        for (int64_t b = 0; b < filter[3]; ++b)
          taps.push_back((c * height + a * rule.dilation[0]) * width + b * rule.dilation[1]);
      }
    }
    taps.resize((taps.size() + kThinTaps - 1) / kThinTaps * kThinTaps, taps[0]);
    return taps;
  }
};

bool serves(const Dims& filter, DType dtype, const Dims& sizes, const Dims& strides, const ConvRule& rule) {
  return dtype == DType::float32 && rule.groups == 1 && filter[1] * filter[2] * filter[3] <= kMostDepth &&
         is_channels_last(sizes, strides) && strides[3] == sizes[1] && strides[2] == sizes[1] * sizes[3] &&
         strides[0] == strides[2] * sizes[2];
}

}  // namespace

bool thin_conv2d(In x, In w, In bias, const ConvRule& rule, Out y_out) {
  const Dims &filter = *w.sizes, &y = *y_out.sizes;
  if (!serves(filter, y_out.dtype, y, *y_out.strides, rule)) return false;
  const Padded padded(filter, y, rule);
  const std::vector<int64_t> taps = padded.taps(filter, rule);
  const int64_t tap_count = static_cast<int64_t>(taps.size()), depth = filter[1] * filter[2] * filter[3];
  const int64_t out = y[1], pixels = y[2] * y[3];
  const Scratch<float> weights(tap_count * out), shift(out);
  for (int64_t o = 0; o < out; ++o) {
    for (int64_t k = 0; k < tap_count; ++k)
      weights.data()[k * out + o] = k < depth ? w.as<float>()[o * depth + k] : 0.0f;
    if (bias.defined()) shift.data()[o] = bias.as<float>()[o * (*bias.strides)[0]];
  }
  const ThinConv shared{nullptr,        taps.data(), depth, tap_count, rule.stride[0] * padded.width,
                        rule.stride[1], y[2],        y[3],  out,       weights.data()};
  parallel_for(y[0], (1 << 17) / (pixels * out) + 1, [&](int64_t begin, int64_t end) {
    const Scratch<float> image(padded.size());
    ThinConv a = shared;
    a.image = image.data();
    for (int64_t n = begin; n < end; ++n) {
      padded.fill(x, n, rule, image.data());
      HWY_DYNAMIC_DISPATCH(write_image)
      (a, bias.defined() ? shift.data() : nullptr, y_out.as<float>() + n * pixels * out);
    }
  });
  return true;
}

bool thin_conv2d_backward_weight(In x, In dy, const ConvRule& rule, Out dw, Out db) {
  const Dims &filter = *dw.sizes, &y = *dy.sizes;
  if (!serves(filter, dy.dtype, y, *dy.strides, rule)) return false;
  const int64_t depth = filter[1] * filter[2] * filter[3], out = y[1], batch = y[0];
  const Padded padded(filter, y, rule);
  const std::vector<int64_t> taps = padded.taps(filter, rule);
  const int64_t tap_count = static_cast<int64_t>(taps.size()), size = tap_count * out;
  const int64_t parts = std::min(batch, kParts);
  const Scratch<float> weights(parts * size);
  const Scratch<double> biases(parts * out);
  parallel_for(parts, (1 << 17) / (y[2] * y[3] * out * batch / parts + 1), [&](int64_t begin, int64_t end) {
    const Scratch<float> image(padded.size());
    for (int64_t i = begin; i < end; ++i) {
      double* const bias = biases.data() + i * out;
      const ThinConv a{image.data(),   taps.data(), depth, tap_count, rule.stride[0] * padded.width,
                       rule.stride[1], y[2],        y[3],  out,       weights.data() + i * size};
      std::fill_n(a.weight, size, 0.0f);
      std::fill_n(bias, out, 0.0);
      for (int64_t n = batch * i / parts; n < batch * (i + 1) / parts; ++n) {
        padded.fill(x, n, rule, image.data());
        HWY_DYNAMIC_DISPATCH(add_image)(a, dy.as<float>() + n * y[2] * y[3] * out, bias);
      }
    }
  });
  for (int64_t o = 0; o < out; ++o) {
    for (int64_t k = 0; k < depth; ++k) {
      float sum = 0;
      for (int64_t i = 0; i < parts; ++i) sum += weights.data()[i * size + k * out + o];
      dw.as<float>()[o * depth + k] = sum;
    }
    double sum = 0;
    for (int64_t i = 0; i < parts; ++i) sum += biases.data()[i * out + o];
    if (db.defined()) db.as<float>()[o] = static_cast<float>(sum);
  }
  return true;
}

}  // namespace st::cpu
#endif  // HWY_ONCE
