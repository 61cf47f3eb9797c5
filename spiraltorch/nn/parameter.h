// Parameter and Buffer: the tensors that belong to a module. As handles they are Tensors; as members they are
// values: copying makes a new leaf, assigning fills the leaf that is there, moving takes it. So the default
// copy of a module is deep, and an optimiser, which holds leaves, survives `model = best` and moves of the
// model.
#pragma once

#include <memory>
#include <string>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {
class Manifold;

namespace nn {

/// The manifold that the leaf x carries; null: none was set, it is Euclidean.
std::shared_ptr<const Manifold> manifold_of(const Tensor& x);

/// The manifold of a leaf in words: "euclidean", "poincare_ball of curvature -1".
std::string geometry_of(const Tensor& x);

/// What Parameter and Buffer have in common. Converting one to Tensor shares the leaf.
///
/// Copy-construction gives the copy memory of its own; requires_grad and the manifold go with it, the
/// gradient and hooks do not, as copy.deepcopy of a torch.nn.Parameter. Copy-assignment puts the values,
/// converted to the dtype that is there, into the leaf that is there; it throws ShapeError where shapes
/// differ and ValueError where manifolds differ or only one side is defined, except that an undefined left
/// side becomes a copy. A plain Tensor cannot be assigned, as in PyTorch: `w.copy_(t)` under a NoGradGuard
/// writes its values, `w = Parameter(t)` takes a new leaf. `op=` is deleted, for it would rebind.
class Leaf : public Tensor {
 public:
  template <class T>
  Leaf& operator+=(const T&) = delete;
  template <class T>
  Leaf& operator-=(const T&) = delete;
  template <class T>
  Leaf& operator*=(const T&) = delete;
  template <class T>
  Leaf& operator/=(const T&) = delete;

 protected:
  Leaf() = default;
  explicit Leaf(const Tensor& value) : Tensor(value.defined() ? value.detach() : Tensor()) {}
  Leaf(const Leaf& other);
  Leaf(Leaf&&) noexcept = default;
  Leaf& operator=(const Leaf& other) &;
  Leaf& operator=(Leaf&&) & noexcept = default;
  ~Leaf() = default;
};

/// A tensor that is learnt. It requires a gradient unless requires_grad_(false) froze it. A default-made one
/// is undefined and legal where a parameter is optional (no bias): no list of parameters and no state dict
/// has it.
class Parameter final : public Leaf {
 public:
  Parameter() = default;
  /// A leaf over value's memory, which it shares, as torch.nn.Parameter. Throws DTypeError for an integer
  /// dtype.
  explicit Parameter(const Tensor& value);

  /// The manifold on which its rows (last dimension) are points, null where none was set. Optimisers step
  /// along it; state dicts record it; copies carry it.
  std::shared_ptr<const Manifold> manifold() const { return manifold_of(*this); }
  /// Sets it: `p.set_manifold(std::make_shared<PoincareBall>(-1.0))`; null takes it away. Values are not
  /// moved. Throws ValueError naming the first row that is no point of it (`p.copy_(ball.projx(p))` under a
  /// NoGradGuard makes them points), DTypeError unless points are float32 or float64.
  void set_manifold(std::shared_ptr<const Manifold> manifold);
};

struct BufferOptions {
  /// Whether it stands in the state dict.
  bool persistent = true;
};

/// A tensor that belongs to a module's state and is not learnt: running statistics, counts, tables.
class Buffer final : public Leaf {
 public:
  Buffer() = default;
  /// A leaf over value's memory, which it shares.
  explicit Buffer(const Tensor& value, const BufferOptions& options = {})
      : Leaf(value), persistent_(options.persistent) {}
  bool persistent() const { return persistent_; }

 private:
  bool persistent_ = true;
};

}  // namespace nn
}  // namespace st
