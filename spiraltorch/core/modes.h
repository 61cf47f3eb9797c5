// The thread-local modes of the library: whether autograd records.
#pragma once

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

}  // namespace st
