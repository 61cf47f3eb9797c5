// MappedFile: a whole file as memory, for readers that hand parts of it on without copying.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace st {
namespace io {

/// The bytes of a regular file. They may be written to: a write stays in this process and never reaches the
/// file. The mapping outlives a rename over the file and its removal; a program that shortens the file in
/// place while it is mapped takes pages away that are then missing (SIGBUS), so replace files by AtomicFile.
class MappedFile {
 public:
  /// Throws IoError with `op`, the path and the reason.
  static std::shared_ptr<MappedFile> open(const char* op, const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<std::byte> bytes) : bytes_(bytes) {}

  std::span<std::byte> bytes_;
};

}  // namespace io
}  // namespace st
