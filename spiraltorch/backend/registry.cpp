// The only file above backend/cpu that sees a device's kernels.
#include "spiraltorch/backend/registry.h"

#include <array>
#include <atomic>
#include <cstring>

#include "spiraltorch/backend/allocator.h"
#include "spiraltorch/backend/cpu/kernels.h"
#include "spiraltorch/core/check.h"

namespace st {
namespace {

void copy_bytes(void* to, const void* from, size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

constexpr Backend kCpu{cpu::kernels, allocate_cached, free_cached,
                       copy_bytes,   copy_bytes,      cpu::has_instructions_for};

constinit std::array<std::atomic<const Backend*>, Device::kKinds> backends{&kCpu, nullptr};

}  // namespace

void throw_missing_kernel(const char* op) { fail<Error>("{}: this device has no kernel for it", op); }

const Backend& backend(Device device) {
  const Backend* found = backends[device.kind].load(std::memory_order_acquire);
  check<ValueError>(found != nullptr, "device: nothing is registered for {}", device);
  return *found;
}

void register_device(Device device, const Backend& backend) {
  const Backend* none = nullptr;
  check<ValueError>(backends[device.kind].compare_exchange_strong(none, &backend),
                    "register_device: {} has a backend already", device);
}

const Kernels& kernels(Device device) { return backend(device).kernels(); }

}  // namespace st
