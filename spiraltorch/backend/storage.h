// Storage: the memory behind tensors. Views share one; so do all handles of a tensor.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "spiraltorch/core/device.h"
#include "spiraltorch/core/mutex.h"

namespace [[gnu::visibility("default")]] st {

class Storage {
 public:
  /// Fresh memory of the device's allocator, 64-byte aligned, not initialised.
  static std::shared_ptr<Storage> allocate(Device device, size_t bytes);

  /// Memory that belongs to somebody else (a mapped file, another library's array). `release` is called with
  /// `data` when the last tensor goes; it may be empty.
  static std::shared_ptr<Storage> external(void* data, size_t bytes, std::function<void(void*)> release,
                                           bool read_only);

  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  Device device() const { return device_; }
  bool is_external() const { return external_; }
  bool is_read_only() const { return read_only_; }

  /// Counts the writes since the storage was made. Autograd compares it to know that a kept value is what it
  /// was.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  void bump_version() { version_.fetch_add(1, std::memory_order_acq_rel); }

  /// One derived copy of the contents (weights packed for a matrix product, a cast to 16 bits), valid for one
  /// version. Returns null unless the slot holds `kind` for the present version. External memory never has
  /// one, for its owner writes to it without telling.
  std::shared_ptr<const void> derived(uint64_t kind) const;
  void set_derived(uint64_t kind, uint64_t version, std::shared_ptr<const void> value);

  struct Private {};
  Storage(Private, Device device, void* data, size_t bytes, std::function<void(void*)> release, bool external,
          bool read_only);

 private:
  void* data_;
  size_t bytes_;
  Device device_;
  bool external_;
  bool read_only_;
  std::atomic<uint64_t> version_ = 0;
  std::function<void(void*)> release_;

  mutable Mutex derived_mutex_;
  uint64_t derived_kind_ = 0;
  uint64_t derived_version_ = 0;
  std::shared_ptr<const void> derived_;
};

}  // namespace st
