// Where a tensor's elements live.
#pragma once

#include <cstdint>
#include <string>

namespace [[gnu::visibility("default")]] st {

struct Device {
  /// `custom` is a device that the program registers (backend/registry.h); the library brings the CPU alone.
  enum Kind : uint8_t { cpu, custom };
  static constexpr int kKinds = 2;
  Kind kind = cpu;

  constexpr Device() = default;
  constexpr Device(Kind k) : kind(k) {}
  friend constexpr bool operator==(Device a, Device b) { return a.kind == b.kind; }
};

inline std::string to_text(Device device) { return device.kind == Device::cpu ? "cpu" : "custom"; }

}  // namespace st
