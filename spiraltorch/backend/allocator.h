// Where the memory of tensors comes from.
#pragma once

#include <cstddef>

namespace st {

/// Memory is aligned to 64 bytes: a cache line, and the width of an AVX-512 register.
inline constexpr size_t kAlignment = 64;

/// Memory of at least `bytes` bytes from the caching allocator of the CPU. Freed blocks are kept for the next
/// request of their size class: fresh pages from the system cost more than the arithmetic on 10 MB of
/// activations. Throws std::bad_alloc.
void* allocate_cached(size_t bytes);

/// Gives back what allocate_cached(bytes) returned.
void free_cached(void* memory, size_t bytes) noexcept;

/// Returns every kept block to the system.
void empty_cache() noexcept;

/// Bytes that are kept for reuse at present.
size_t cached_bytes() noexcept;

/// The bytes that a request for `bytes` takes: four size classes an octave, so that at most a quarter is
/// wasted.
size_t size_class(size_t bytes) noexcept;

}  // namespace st
