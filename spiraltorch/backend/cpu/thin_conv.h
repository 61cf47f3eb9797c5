// Convolution of images of few channels, as a network's first layer has it: each channel of y is a vector's
// lane, and its products with the few taps stay in registers.
#pragma once

#include "spiraltorch/backend/families.h"
#include "spiraltorch/backend/view.h"

namespace st::cpu {

/// Arguments as in backend/cpu/conv.h. False, and nothing done, unless y or dy is float32 and channels-last,
/// the groups are one and a filter has at most 36 elements.
bool thin_conv2d(In x, In w, In bias, const ConvRule& rule, Out y);
bool thin_conv2d_backward_weight(In x, In dy, const ConvRule& rule, Out dw, Out db);

/// One image, and what its loop reads and writes.
struct ThinConv {
  const float* image;          // planes with their padding
  const int64_t* taps;         // where the filter's elements stand in it, for the first pixel of y
  int64_t depth;               // of a filter: so many taps
  int64_t tap_count;           // a multiple of kThinTaps; the first tap fills it up
  int64_t row, col;            // steps in the image for a row and a pixel of y
  int64_t height, width, out;  // of y and dy: (height, width, out)
  float* weight;               // (tap_count, out)
};
constexpr int64_t kThinTaps = 9;

}  // namespace st::cpu
