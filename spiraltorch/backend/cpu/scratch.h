// Scratch: memory for the time of one kernel call, from the caching allocator.
#pragma once

#include <cstdint>

#include "spiraltorch/backend/allocator.h"

namespace st::cpu {

/// `count` elements, 64-byte aligned, not initialised.
template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t count)
      : bytes_(static_cast<size_t>(count) * sizeof(T)),
        data_(bytes_ == 0 ? nullptr : static_cast<T*>(allocate_cached(bytes_))) {}
  ~Scratch() {
    if (data_) free_cached(data_, bytes_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  T* data() const { return data_; }

 private:
  size_t bytes_;
  T* data_;
};

}  // namespace st::cpu
