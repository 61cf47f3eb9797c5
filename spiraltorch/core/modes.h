// The thread-local modes of the library: whether autograd records, and which dtype products compute in.
#pragma once

#include <optional>

#include "spiraltorch/core/dtype.h"

namespace [[gnu::visibility("default")]] st {

/// Whether ops on this thread are recorded for backward. On at first, as in PyTorch.
bool grad_enabled();

/// Sets grad mode for its lifetime and restores what was before.
class GradModeGuard {
 public:
  explicit GradModeGuard(bool enabled);
  ~GradModeGuard();
  GradModeGuard(const GradModeGuard&) = delete;
  GradModeGuard& operator=(const GradModeGuard&) = delete;

 private:
  bool before_;
};

/// torch.no_grad(): nothing is recorded in its lifetime.
class NoGradGuard : public GradModeGuard {
 public:
  NoGradGuard() : GradModeGuard(false) {}
};

/// torch.enable_grad(): recording is on in its lifetime, also inside a NoGradGuard.
class EnableGradGuard : public GradModeGuard {
 public:
  EnableGradGuard() : GradModeGuard(true) {}
};

/// The dtype that matmul, linear, convolutions and LSTM bring their floating-point operands to on this
/// thread; nothing while autocast is off. ops/autocast.h has the casts, amp/autocast.h what users write.
std::optional<DType> autocast_dtype();

/// Sets autocast_dtype() for its lifetime and restores what was before.
class AutocastMode {
 public:
  explicit AutocastMode(std::optional<DType> dtype);
  ~AutocastMode();
  AutocastMode(const AutocastMode&) = delete;
  AutocastMode& operator=(const AutocastMode&) = delete;

 private:
  std::optional<DType> before_;
};

}  // namespace st
