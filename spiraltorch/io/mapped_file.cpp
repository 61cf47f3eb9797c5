// Mapping by mmap: private pages, so that readers may hand them out to be written to.
#include "spiraltorch/io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "spiraltorch/core/check.h"
#include "spiraltorch/io/system_error.h"

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) (static_cast<void>(address), static_cast<void>(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) (static_cast<void>(address), static_cast<void>(size))
#endif

namespace st {
namespace io {
namespace {

struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

// The last page goes on behind the end of the file: AddressSanitizer is told that nothing may be read there.
std::span<std::byte> behind(std::span<std::byte> bytes) {
  const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return {bytes.data() + bytes.size(), (page - bytes.size() % page) % page};
}

}  // namespace

std::shared_ptr<MappedFile> MappedFile::open(const char* op, const std::string& path) {
  // Without O_NONBLOCK opening a pipe would wait for its writer.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat status = {};
  if (file.value < 0 || ::fstat(file.value, &status) != 0) fail_with_errno(op, "cannot open", path);
  check<IoError>(S_ISREG(status.st_mode), "{}: {} is {}", op, path,
                 S_ISDIR(status.st_mode) ? "a directory" : "not a regular file");
  const size_t size = static_cast<size_t>(status.st_size);
  void* data = nullptr;  // mmap refuses an empty file
  if (size > 0) {
    // Private pages are copied when written to; without NORESERVE all of them would count as used memory.
    data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.value, 0);
    if (data == MAP_FAILED) fail_with_errno(op, "cannot map", path);
  }
  try {
    const std::span bytes(static_cast<std::byte*>(data), size);
    std::shared_ptr<MappedFile> file(new MappedFile(bytes));
    ASAN_POISON_MEMORY_REGION(behind(bytes).data(), behind(bytes).size());
    return file;
  } catch (...) {
    if (size > 0) ::munmap(data, size);
    throw;
  }
}

MappedFile::~MappedFile() {
  if (bytes_.empty()) return;
  ASAN_UNPOISON_MEMORY_REGION(behind(bytes_).data(), behind(bytes_).size());
  ::munmap(bytes_.data(), bytes_.size());
}

}  // namespace io
}  // namespace st
