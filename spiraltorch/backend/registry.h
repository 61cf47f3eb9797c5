// What a device has to offer, and where it is looked up. The CPU is always there; a program may add one of
// its own, as the tests do (tests/support/shadow_device.h).
#pragma once

#include <cstddef>

#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/core/device.h"

namespace st {

struct Backend {
  const Kernels& (*kernels)();
  /// Memory of at least `bytes` bytes, aligned to 64; throws std::bad_alloc.
  void* (*allocate)(size_t bytes);
  /// Gives back what allocate(bytes) returned.
  void (*release)(void* memory, size_t bytes) noexcept;
  /// Bytes between the memory of the host and that of the device.
  void (*from_host)(void* device, const void* host, size_t bytes);
  void (*to_host)(void* host, const void* device, size_t bytes);
  /// Whether products of this 16-bit dtype are computed by instructions of their own, and so gain by it.
  bool (*has_instructions_for)(DType dtype);
};

/// What is registered for a device. Throws ValueError where nothing is.
const Backend& backend(Device device);

/// Makes `backend`, which must live for ever, serve a kind of device. Once, before its first tensor.
void register_device(Device device, const Backend& backend);

}  // namespace st
