// Convolution of images. x (n, c, h, w), y (n, o, oh, ow), bias (o) or undefined; x and y, like their
// gradients, are row-major or channels-last without gaps, each as it likes; w (o, c / groups, kh, kw) is
// row-major. All of one floating dtype.
#pragma once

#include "spiraltorch/backend/families.h"
#include "spiraltorch/backend/view.h"

namespace st::cpu {

/// y[n, o, i, j] = bias[o] + sum over c, a, b of w[o, c, a, b] x[n, c, i s + a d - before, j s + b d -
/// before]
void conv2d(In x, In w, In bias, ConvRule rule, Out y);
/// The gradient of x, for dy.
void conv2d_backward_input(In dy, In w, ConvRule rule, Out dx);
/// Those of w and of the bias, where defined.
void conv2d_backward_weight(In x, In dy, ConvRule rule, Out dw, Out db);

/// Whether an image lies in memory with its channels next to each other.
inline bool is_channels_last(const Dims& sizes, const Dims& strides) {
  return sizes[1] == 1 || strides[1] == 1;
}

}  // namespace st::cpu
