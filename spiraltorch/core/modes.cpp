// Thread-local modes.
#include "spiraltorch/core/modes.h"

#include <utility>

namespace st {
namespace {
thread_local bool grad_mode = true;
}

bool grad_enabled() { return grad_mode; }

GradModeGuard::GradModeGuard(bool enabled) : before_(std::exchange(grad_mode, enabled)) {}

GradModeGuard::~GradModeGuard() { grad_mode = before_; }

}  // namespace st
