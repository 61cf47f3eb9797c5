// Pooling of images (n, c, h, w): float32 or float64, both operands row-major or both channels-last.
#pragma once

#include "spiraltorch/backend/families.h"
#include "spiraltorch/backend/view.h"

namespace st::cpu {

/// y = the largest element of each window; the first one wins, NaN before all. `index`, where defined: where
/// it was, as uint8 the position in the window (of at most 256), as int64 the position in the plane h w.
void max_pool2d(In x, MaxPoolRule rule, Out y, Out index);
/// dx[where y came from] += dy, for all windows.
void max_pool2d_scatter(In dy, In index, MaxPoolRule rule, Out dx);
/// y = x[where y came from].
void max_pool2d_gather(In x, In index, MaxPoolRule rule, Out y);

/// y = the sum of each window, divided as the rule says; 0 for a window that sees nothing.
void avg_pool2d(In x, AvgPoolRule rule, Out y);
void avg_pool2d_backward(In dy, AvgPoolRule rule, Out dx);

/// An image as the loops see it: `c` neighbouring channels at every position. A row-major one has planes of a
/// single channel.
struct Planes {
  int64_t n, h, w, c;

  Planes(const Dims& sizes, bool channels_last)
      : n(sizes[0] * (channels_last ? 1 : sizes[1])),
        h(sizes[2]),
        w(sizes[3]),
        c(channels_last ? sizes[1] : 1) {}
};

/// Whether both images are channels-last; one of a single position could be either.
template <class A, class B>
bool are_channels_last(const A& a, const B& b) {
  const auto is = [](const auto& x) { return (*x.sizes)[1] == 1 || (*x.strides)[1] == 1; };
  return is(a) && is(b);
}

}  // namespace st::cpu
