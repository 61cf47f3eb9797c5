// Optimiser steps of many leaves in one pass over their memory, equal to the bit to the steps composed of
// ops.
#pragma once

#include <span>

#include "spiraltorch/backend/optimizer.h"

namespace st::cpu {

void sgd(std::span<const SGDSlot> slots);
void adam(std::span<const AdamSlot> slots);
void rmsprop(std::span<const RMSpropSlot> slots);

}  // namespace st::cpu
