// A block of output rows at a time, the patches of the image that its pixels see become the columns of a
// matrix; the products are gemm's. Blocks depend on the shape alone and sums run in a fixed order: a result
// does not depend on the number of threads.
#include "spiraltorch/backend/cpu/reference/conv.h"

#include <algorithm>

#include "spiraltorch/backend/cpu/reference/gemm.h"
#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/core/parallel.h"

namespace st::cpu::reference {
namespace {

constexpr int64_t kColumns = 1 << 16;  // elements of one block of columns
constexpr int64_t kParts = 8;  // of the batch, each with sums of its own for the gradient of the weight

template <class T>
struct View {
  T* data;
  int64_t n, c, h, w;  // strides

  template <class V>
  explicit View(const V& v)
      : data(static_cast<T*>(const_cast<void*>(static_cast<const void*>(v.data)))),
        n((*v.strides)[0]),
        c((*v.strides)[1]),
        h((*v.strides)[2]),
        w((*v.strides)[3]) {}
};

// What both directions share: sizes, and the blocks of output rows.
struct Plan {
  int64_t batch, groups, in, out;  // in, out: channels of one group
  int64_t h, w, oh, ow, kh, kw;
  int64_t depth;  // of a column: the elements of a patch
  int64_t rows;   // of a block
  ConvRule rule;

  Plan(const Dims& x, const Dims& weight, const Dims& y, const ConvRule& rule)
      : batch(x[0]),
        groups(rule.groups),
        in(weight[1]),
        out(y[1] / rule.groups),
        h(x[2]),
        w(x[3]),
        oh(y[2]),
        ow(y[3]),
        kh(weight[2]),
        kw(weight[3]),
        depth(in * kh * kw),
        rows(std::clamp<int64_t>(kColumns / std::max<int64_t>(1, depth * ow), 1, std::max<int64_t>(1, oh))),
        rule(rule) {}

  int64_t blocks() const { return (oh + rows - 1) / rows; }
  int64_t column_elements() const { return depth * rows * ow; }
  // How many units of work, of so many pixels each, are worth a thread.
  int64_t grain(int64_t pixels) const {
    return std::max<int64_t>(1, (1 << 17) / std::max<int64_t>(1, pixels * out * depth));
  }

  // f(element of the column, pixel of the block, offset in x, step in x, how many) for runs of pixels that
  // see the image; skip(element, pixel, how many) for those that see padding.
  template <class T, class F, class S>
  void each_run(const View<T>& x, int64_t first, int64_t last, const F& f, const S& skip) const {
    int64_t k = 0;
    for (int64_t c = 0; c < in; ++c) {
      for (int64_t a = 0; a < kh; ++a) {
        for (int64_t b = 0; b < kw; ++b, ++k) {
          const int64_t shift = b * rule.dilation[1] - rule.before[1], step = rule.stride[1];
          const int64_t begin = std::min(ow, shift < 0 ? (-shift + step - 1) / step : 0);
          const int64_t end = std::max(begin, shift >= w ? 0 : std::min(ow, (w - 1 - shift) / step + 1));
          for (int64_t i = first; i < last; ++i) {
            const int64_t row = i * rule.stride[0] + a * rule.dilation[0] - rule.before[0];
            const int64_t pixel = (i - first) * ow;
            if (row < 0 || row >= h) {
              skip(k, pixel, ow);
              continue;
            }
            skip(k, pixel, begin);
            f(k, pixel + begin, c * x.c + row * x.h + (begin * step + shift) * x.w, step * x.w, end - begin);
            skip(k, pixel + end, ow - end);
          }
        }
      }
    }
  }
};

// Columns of the block of rows [first, last): element k of pixel p at columns[k * pixels + p].
template <class T>
void gather(const Plan& plan, const View<T>& x, const T* image, int64_t first, int64_t last, T* columns) {
  const int64_t pixels = (last - first) * plan.ow;
  plan.each_run(
      x, first, last,
      [&](int64_t k, int64_t pixel, int64_t offset, int64_t step, int64_t n) {
        T* to = columns + k * pixels + pixel;
        for (int64_t j = 0; j < n; ++j) to[j] = image[offset + j * step];
      },
      [&](int64_t k, int64_t pixel, int64_t n) { std::fill_n(columns + k * pixels + pixel, n, T(0)); });
}

template <class T>
void scatter(const Plan& plan, const View<T>& x, T* image, int64_t first, int64_t last, const T* columns) {
  const int64_t pixels = (last - first) * plan.ow;
  plan.each_run(
      x, first, last,
      [&](int64_t k, int64_t pixel, int64_t offset, int64_t step, int64_t n) {
        const T* from = columns + k * pixels + pixel;
        for (int64_t j = 0; j < n; ++j) image[offset + j * step] += from[j];
      },
      [](int64_t, int64_t, int64_t) {});
}

template <class T>
void forward(In x_in, In w, In bias, const ConvRule& rule, Out y_out) {
  const Plan plan(*x_in.sizes, *w.sizes, *y_out.sizes, rule);
  const View<T> x(x_in), y(y_out);
  const int64_t blocks = plan.blocks(), per_image = plan.groups * blocks;
  parallel_for(plan.batch * per_image, plan.grain(plan.rows * plan.ow), [&](int64_t begin, int64_t end) {
    const Scratch<T> columns(plan.column_elements());
    for (int64_t i = begin; i < end; ++i) {
      const int64_t n = i / per_image, group = i % per_image / blocks, first = i % blocks * plan.rows;
      const int64_t last = std::min(plan.oh, first + plan.rows), pixels = (last - first) * plan.ow;
      gather(plan, x, x.data + n * x.n + group * plan.in * x.c, first, last, columns.data());
      Gemm g{.dtype = w.dtype, .m = pixels, .n = plan.out, .k = plan.depth};
      g.a = columns.data(), g.a_row = 1, g.a_col = pixels;
      g.b = w.as<T>() + group * plan.out * plan.depth, g.b_row = 1, g.b_col = plan.depth;
      g.y = y.data + n * y.n + group * plan.out * y.c + first * y.h, g.y_row = y.w, g.y_col = y.c;
      if (bias.defined())
        g.bias = bias.as<T>() + group * plan.out * (*bias.strides)[0], g.bias_stride = (*bias.strides)[0];
      gemm(g);
    }
  });
}

template <class T>
void backward_input(In dy_in, In w, const ConvRule& rule, Out dx_out) {
  const Plan plan(*dx_out.sizes, *w.sizes, *dy_in.sizes, rule);
  const View<T> dx(dx_out), dy(dy_in);
  // An image and a group is the unit: windows overlap, and each element has its sum in one order.
  parallel_for(plan.batch * plan.groups, plan.grain(plan.oh * plan.ow), [&](int64_t begin, int64_t end) {
    const Scratch<T> columns(plan.column_elements());
    for (int64_t i = begin; i < end; ++i) {
      const int64_t n = i / plan.groups, group = i % plan.groups;
      T* image = dx.data + n * dx.n + group * plan.in * dx.c;
      for (int64_t c = 0; c < plan.in; ++c) {
        for (int64_t row = 0; row < plan.h; ++row) {
          for (int64_t col = 0; col < plan.w; ++col) image[c * dx.c + row * dx.h + col * dx.w] = T(0);
        }
      }
      for (int64_t first = 0; first < plan.oh; first += plan.rows) {
        const int64_t last = std::min(plan.oh, first + plan.rows), pixels = (last - first) * plan.ow;
        Gemm g{.dtype = w.dtype, .m = plan.depth, .n = pixels, .k = plan.out};
        g.a = w.as<T>() + group * plan.out * plan.depth, g.a_row = 1, g.a_col = plan.depth;
        g.b = dy.data + n * dy.n + group * plan.out * dy.c + first * dy.h, g.b_row = dy.c, g.b_col = dy.w;
        g.y = columns.data(), g.y_row = pixels, g.y_col = 1;
        gemm(g);
        scatter(plan, dx, image, first, last, columns.data());
      }
    }
  });
}

template <class T>
void weight_gradient(In x_in, In dy_in, const ConvRule& rule, Out dw) {
  const Plan plan(*x_in.sizes, *dw.sizes, *dy_in.sizes, rule);
  const View<T> x(x_in), dy(dy_in);
  const int64_t size = plan.out * plan.depth, parts = std::min(plan.batch, kParts);
  const Scratch<T> sums(plan.groups * parts * size);
  parallel_for(plan.groups * parts, plan.grain(plan.oh * plan.ow * plan.batch / std::max<int64_t>(1, parts)),
               [&](int64_t begin, int64_t end) {
                 const Scratch<T> columns(plan.column_elements()), product(size);
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t group = i / parts, part = i % parts;
                   T* sum = sums.data() + i * size;
                   std::fill_n(sum, size, T(0));
                   for (int64_t n = plan.batch * part / parts; n < plan.batch * (part + 1) / parts; ++n) {
                     for (int64_t first = 0; first < plan.oh; first += plan.rows) {
                       const int64_t last = std::min(plan.oh, first + plan.rows),
                                     pixels = (last - first) * plan.ow;
                       gather(plan, x, x.data + n * x.n + group * plan.in * x.c, first, last, columns.data());
                       Gemm g{.dtype = dw.dtype, .m = plan.out, .n = plan.depth, .k = pixels};
                       g.a = dy.data + n * dy.n + group * plan.out * dy.c + first * dy.h, g.a_row = dy.c,
                       g.a_col = dy.w;
                       g.b = columns.data(), g.b_row = 1, g.b_col = pixels;
                       g.y = product.data(), g.y_row = plan.depth, g.y_col = 1;
                       gemm(g);
                       for (int64_t k = 0; k < size; ++k) sum[k] += product.data()[k];
                     }
                   }
                 }
               });
  for (int64_t group = 0; group < plan.groups; ++group) {
    T* to = dw.as<T>() + group * size;
    std::fill_n(to, size, T(0));
    for (int64_t part = 0; part < parts; ++part) {
      const T* from = sums.data() + (group * parts + part) * size;
      for (int64_t k = 0; k < size; ++k) to[k] += from[k];
    }
  }
}

// The gradient of the bias, summed in float64, in one pass over dy whichever its layout.
template <class T>
void bias_gradient(In dy_in, Out db) {
  const Dims& sizes = *dy_in.sizes;
  const View<T> dy(dy_in);
  const int64_t channels = sizes[1], parts = std::clamp<int64_t>(sizes[0], 1, kParts);
  const Scratch<double> sums(parts * channels);
  const int64_t part_size = channels * sizes[0] * sizes[2] * sizes[3] / parts;
  parallel_for(parts, (1 << 15) / (part_size + 1), [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      double* sum = sums.data() + part * channels;
      std::fill_n(sum, channels, 0.0);
      for (int64_t n = sizes[0] * part / parts; n < sizes[0] * (part + 1) / parts; ++n) {
        for (int64_t i = 0; i < sizes[2]; ++i) {
          const T* row = dy.data + n * dy.n + i * dy.h;
          if (dy.c == 1) {
            for (int64_t j = 0; j < sizes[3]; ++j) {
              for (int64_t c = 0; c < channels; ++c) sum[c] += static_cast<double>(row[j * dy.w + c]);
            }
            continue;
          }
          for (int64_t c = 0; c < channels; ++c) {
            double line = 0;
            for (int64_t j = 0; j < sizes[3]; ++j) line += static_cast<double>(row[c * dy.c + j * dy.w]);
            sum[c] += line;
          }
        }
      }
    }
  });
  for (int64_t c = 0; c < channels; ++c) {
    double sum = 0;
    for (int64_t part = 0; part < parts; ++part) sum += sums.data()[part * channels + c];
    db.as<T>()[c] = static_cast<T>(sum);
  }
}

}  // namespace

void conv2d(In x, In w, In bias, const ConvRule& rule, Out y) {
  if (y.dtype == DType::float64) return forward<double>(x, w, bias, rule, y);
  forward<float>(x, w, bias, rule, y);
}

void conv2d_backward_input(In dy, In w, const ConvRule& rule, Out dx) {
  if (dx.dtype == DType::float64) return backward_input<double>(dy, w, rule, dx);
  backward_input<float>(dy, w, rule, dx);
}

void conv2d_backward_weight(In x, In dy, const ConvRule& rule, Out dw, Out db) {
  const bool wide = dy.dtype == DType::float64;
  if (dw.defined()) wide ? weight_gradient<double>(x, dy, rule, dw) : weight_gradient<float>(x, dy, rule, dw);
  if (db.defined()) wide ? bias_gradient<double>(dy, db) : bias_gradient<float>(dy, db);
}

}  // namespace st::cpu::reference
