// The step of many leaves in one kernel call a device, where they are flat memory: what SGD, Adam and
// ZSpaceOptimizer share.
#pragma once

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/optim/adam.h"
#include "spiraltorch/optim/sgd.h"

namespace st {
namespace optim {

/// Whether a kernel may see a Euclidean leaf and its gradient as flat memory: contiguous, both float32 or
/// both float64, apart from each other.
bool can_fuse(const Tensor& leaf, const Tensor& grad);
/// Whether a tensor of the leaf's state is flat memory as the leaf is.
bool is_flat_like(const Tensor& state, const Tensor& leaf);

/// One step of every leaf: `kernel` for those that can_fuse and for which `slot_of(step)` has a slot,
/// `update` for the others.
template <class Slot, class Step, class SlotOf, class Update>
void step_together(std::span<Step> steps, Kernel<std::span<const Slot>> Kernels::*kernel,
                   const SlotOf& slot_of, const Update& update) {
  std::vector<std::pair<Device, std::vector<Slot>>> slots;  // of each device
  for (Step& s : steps) {
    const std::optional<Slot> slot = can_fuse(s.leaf, s.grad) ? slot_of(s) : std::nullopt;
    if (!slot) {
      update(s);
      continue;
    }
    size_t at = 0;
    while (at < slots.size() && slots[at].first != s.leaf.device()) ++at;
    if (at == slots.size())
      slots.emplace_back(s.leaf.device(), std::vector<Slot>()).second.reserve(steps.size());
    slots[at].second.push_back(*slot);
  }
  for (const auto& [device, list] : slots) (kernels(device).*kernel)(list);
}

/// SGD's and Adam's step of every leaf, with grad mode off.
void sgd_steps(std::span<LeafStep<SGDOptions, SGDState>> steps);
void adam_steps(std::span<LeafStep<AdamOptions, AdamState>> steps);

}  // namespace optim
}  // namespace st
