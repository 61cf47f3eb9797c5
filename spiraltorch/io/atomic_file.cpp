// Writing beside the target and renaming over it, with every failure cleaned up and named.
#include "spiraltorch/io/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "spiraltorch/core/check.h"
#include "spiraltorch/io/system_error.h"

namespace st {
namespace io {
namespace {

constexpr size_t kMaxWrite = size_t{1} << 30;  // Linux writes at most 2 GiB a call

constexpr int kMaxLinks = 40;  // as many as Linux follows

// With its slash.
std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "./" : path.substr(0, slash + 1);
}

// Where a write to `path` goes, which need not be there: the links of the last name are followed, those of
// its folder by the system. Empty for a circle of links.
std::string resolve_links(std::string path) {
  for (int i = 0; i <= kMaxLinks; ++i) {
    std::error_code none_or_no_link;
    const std::string link = std::filesystem::read_symlink(path, none_or_no_link);
    if (none_or_no_link) return path;
    path = link.front() == '/' ? link : folder_of(path).append(link);
  }
  return "";
}

// How the names of a target's temporary files begin. A hash stands for the target (FNV-1a), whose own name
// may be as long as names can be.
std::string prefix_of(const std::string& target) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : target.substr(target.rfind('/') + 1))
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return ".spiraltorch-" + std::to_string(hash) + "-";
}

// Removes what saves to the same target left that were killed. A living one holds a lock on its file, which
// the system takes away with the process, on whatever machine that was.
void remove_abandoned(const std::string& folder, const std::string& prefix) {
  std::error_code ignored;
  for (std::filesystem::directory_iterator at(folder, ignored), end; !ignored && at != end;
       at.increment(ignored)) {
    const std::string name = at->path().filename();
    if (!name.starts_with(prefix) || !name.ends_with(".tmp")) continue;
    const int file = ::open(at->path().c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) continue;
    if (::flock(file, LOCK_EX | LOCK_NB) == 0) ::unlink(at->path().c_str());
    ::close(file);
  }
}

// Whether the file that was just made is locked and still there: remove_abandoned() may have come between.
bool is_ours(int file) {
  struct stat status = {};
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) return errno != EWOULDBLOCK;  // no locks here: nobody removes it
  return ::fstat(file, &status) != 0 || status.st_nlink > 0;
}

}  // namespace

AtomicFile::AtomicFile(std::string op, const std::string& path)
    : op_(std::move(op)), path_(path), target_(resolve_links(path)) {
  check<IoError>(!path_.empty(), "{}: the path is empty", op_);
  if (target_.empty()) fail_writing(ELOOP);
  struct stat old = {};
  const bool exists = ::stat(target_.c_str(), &old) == 0;
  // A rename would put a plain file in the place of /dev/null.
  check<IoError>(!exists || S_ISREG(old.st_mode), "{}: cannot write {}: it is {}", op_, path_,
                 S_ISDIR(old.st_mode) ? "a directory" : "not a regular file");
  if (exists && ::faccessat(AT_FDCWD, target_.c_str(), W_OK, AT_EACCESS) != 0) fail_writing(errno);
  check<IoError>(path_.back() != '/', "{}: cannot write {}: it names a folder", op_, path_);

  const std::string folder = folder_of(target_), prefix = prefix_of(target_);
  remove_abandoned(folder, prefix);
  static std::atomic<unsigned> count = 0;
  do {
    if (file_ >= 0) ::close(file_);
    temporary_ = folder + prefix + std::to_string(::getpid()) + "-" + std::to_string(count++) + ".tmp";
    file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (file_ >= 0 ? !is_ours(file_) : errno == EEXIST);
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
