// In and Out: what a kernel sees of a tensor. Plain values that borrow: no reference is counted, and any
// compiler can read them. They live as long as the tensors they were taken from.
#pragma once

#include <cstdint>

#include "spiraltorch/core/dims.h"
#include "spiraltorch/core/dtype.h"

namespace [[gnu::visibility("default")]] st {

class Storage;

struct In {
  const void* data = nullptr;  // the first element; null when the tensor is undefined
  DType dtype = DType::float32;
  const Dims* sizes = nullptr;
  const Dims* strides = nullptr;  // in elements; 0 where broadcast
  Storage* owner = nullptr;       // for the storage's derived copy

  bool defined() const { return sizes != nullptr; }
  template <class T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
};

struct Out {
  void* data = nullptr;
  DType dtype = DType::float32;
  const Dims* sizes = nullptr;
  const Dims* strides = nullptr;

  bool defined() const { return sizes != nullptr; }
  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

}  // namespace st
