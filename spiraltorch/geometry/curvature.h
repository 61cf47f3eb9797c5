// Curvature: the argument of every map of hyperbolic space, a number or a tensor that may be learnt.
#pragma once

#include <concepts>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {
namespace geometry {

/// The signed curvature k < 0 of Z-space; formulas use c = -k. A number, or a tensor: of one element, or with
/// a last dimension of size 1 that gives every row a curvature of its own. To learn one, keep log c as the
/// parameter and pass `-exp(log_c)`: it stays negative. The maps check it: ValueError unless it is negative
/// and finite.
class Curvature {
 public:
  template <class N>
  requires(std::integral<N> || std::floating_point<N>) Curvature(N k)
      : number_(static_cast<double>(k)), is_number_(true) {}
  Curvature(const Tensor& k) : tensor_(k) {}

  bool is_number() const { return is_number_; }
  double number() const { return number_; }
  const Tensor& tensor() const { return tensor_; }  // undefined for a number

 private:
  double number_ = 0;
  bool is_number_ = false;
  Tensor tensor_;
};

}  // namespace geometry
}  // namespace st
