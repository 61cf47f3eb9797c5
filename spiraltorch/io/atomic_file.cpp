// Writing beside the target and renaming over it, with every failure cleaned up and named.
#include "spiraltorch/io/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "spiraltorch/core/check.h"
#include "spiraltorch/io/system_error.h"

namespace st {
namespace io {
namespace {

constexpr size_t kMaxWrite = size_t{1} << 30;  // Linux writes at most 2 GiB a call

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

std::string resolve_links(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> resolved(::realpath(path.c_str(), nullptr), std::free);
  return resolved ? std::string(resolved.get()) : path;
}

}  // namespace

AtomicFile::AtomicFile(std::string op, const std::string& path)
    : op_(std::move(op)), path_(path), target_(resolve_links(path)) {
  struct stat old = {};
  const bool exists = ::stat(target_.c_str(), &old) == 0;
  // A rename would put a plain file in the place of /dev/null.
  check<IoError>(!exists || S_ISREG(old.st_mode), "{}: cannot write {}: it is {}", op_, path_,
                 S_ISDIR(old.st_mode) ? "a directory" : "not a regular file");
  check<IoError>(!path_.empty(), "{}: the path is empty", op_);
  check<IoError>(path_.back() != '/', "{}: cannot write {}: it names a folder", op_, path_);

  static std::atomic<unsigned> count = 0;
  do {  // not named after the target, whose name may be as long as names can be
    temporary_ = folder_of(target_) + (folder_of(target_).back() == '/' ? "" : "/") + ".spiraltorch-" +
                 std::to_string(::getpid()) + "-" + std::to_string(count++) + ".tmp";
    file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (file_ < 0 && errno == EEXIST);
  if (file_ < 0) fail_writing(errno);
  if (exists && ::fchmod(file_, old.st_mode & 07777) != 0) {
    const int error = errno;
    ::close(file_);
    ::unlink(temporary_.c_str());
    fail_writing(error);
  }
}

AtomicFile::~AtomicFile() {
  if (file_ < 0) return;
  ::close(file_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::fail_writing(int error) const { fail_with_errno(op_, "cannot write", path_, error); }

void AtomicFile::write(const void* data, size_t bytes) {
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(file_, next, std::min(bytes, kMaxWrite));
    if (written < 0) {
      if (errno == EINTR) continue;
      fail_writing(errno);
    }
    next += written;
    bytes -= static_cast<size_t>(written);
  }
}

void AtomicFile::commit() {
  if (::fsync(file_) != 0) fail_writing(errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail_writing(errno);
  ::close(std::exchange(file_, -1));  // the data is on the disk: nothing is left to fail
  // The rename itself is durable once the folder is; some file systems cannot do this, and none needs more.
  const int folder = ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
}

void write_file(const std::string& op, const std::string& path, std::string_view text) {
  AtomicFile file(op, path);
  file.write(text);
  file.commit();
}

}  // namespace io
}  // namespace st
