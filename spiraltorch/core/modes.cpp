// Thread-local modes.
#include "spiraltorch/core/modes.h"

#include <utility>

namespace st {
namespace {
thread_local bool grad_mode = true;
thread_local std::optional<DType> autocast_mode;
}

bool grad_enabled() { return grad_mode; }

GradModeGuard::GradModeGuard(bool enabled) : before_(std::exchange(grad_mode, enabled)) {}

GradModeGuard::~GradModeGuard() { grad_mode = before_; }

std::optional<DType> autocast_dtype() { return autocast_mode; }

AutocastMode::AutocastMode(std::optional<DType> dtype) : before_(std::exchange(autocast_mode, dtype)) {}

AutocastMode::~AutocastMode() { autocast_mode = before_; }

}  // namespace st
