// Sequential: layers applied one after the other.
#include "spiraltorch/nn/sequential.h"

namespace st::nn {

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (Layer& layer : *this) y = layer(y);
  return y;
}

void Sequential::visit(Visitor& v) {
  for (Layer& layer : *this) v(layer);
}

void Sequential::push_back(AnyLayer layer) {
  layers_.push_back(std::move(layer));
  try {
    Visitor::members(*this);
  } catch (...) {
    layers_.pop_back();
    throw;
  }
}

Layer& Sequential::operator[](int64_t i) const {
  const int64_t n = static_cast<int64_t>(size());
  check<IndexError>(i >= -n && i < n, "Sequential: there is no layer {}, it has {}", i, n);
  return *layers_[static_cast<size_t>(i < 0 ? i + n : i)];
}

}  // namespace st::nn
