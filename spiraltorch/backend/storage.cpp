// Storage's memory, versions and derived copies.
#include "spiraltorch/backend/storage.h"

#include <mutex>
#include <utility>

#include "spiraltorch/backend/registry.h"

namespace st {

Storage::Storage(Private, Device device, void* data, size_t bytes, std::function<void(void*)> release,
                 bool external, bool read_only)
    : data_(data),
      bytes_(bytes),
      device_(device),
      external_(external),
      read_only_(read_only),
      release_(std::move(release)) {}

Storage::~Storage() {
  if (!external_) {
    backend(device_).release(data_, bytes_);
  } else if (release_) {
    release_(data_);
  }
}

std::shared_ptr<Storage> Storage::allocate(Device device, size_t bytes) {
  const Backend& home = backend(device);
  void* memory = home.allocate(bytes);
  try {
    return std::make_shared<Storage>(Private{}, device, memory, bytes, nullptr, false, false);
  } catch (...) {
    home.release(memory, bytes);
    throw;
  }
}

std::shared_ptr<Storage> Storage::external(void* data, size_t bytes, std::function<void(void*)> release,
                                           bool read_only) {
  return std::make_shared<Storage>(Private{}, Device::cpu, data, bytes, std::move(release), true, read_only);
}

std::shared_ptr<const void> Storage::derived(uint64_t kind) const {
  const std::lock_guard lock(derived_mutex_);
  return derived_kind_ == kind && derived_version_ == version() ? derived_ : nullptr;
}

void Storage::set_derived(uint64_t kind, uint64_t version, std::shared_ptr<const void> value) {
  if (external_) return;
  const std::lock_guard lock(derived_mutex_);
  derived_kind_ = kind;
  derived_version_ = version;
  derived_ = std::move(value);
}

}  // namespace st
