// AtomicFile: writes a file so that whoever opens its path finds the old contents or the new, never a part.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace [[gnu::visibility("default")]] st {
namespace io {

/// Collects what is written in a temporary file in the folder of `path`; commit() makes it durable and
/// renames it over `path`. Without commit() (an exception, say) the temporary file goes and `path` stays as
/// it was; the one of a process that was killed goes with the next write to the same path. A symbolic link is
/// followed, to a file that is not there yet, too; an existing file keeps its permissions, and one that may
/// not be written to is refused. Every failure is an IoError that names `op`, the path and the reason.
class AtomicFile {
 public:
  AtomicFile(std::string op, const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  /// To be called once, last.
  void commit();

 private:
  [[noreturn]] void fail_writing(int error) const;

  std::string op_;
  std::string path_;    // as the caller gave it, for errors
  std::string target_;  // with symbolic links resolved
  std::string temporary_;
  int file_ = -1;  // -1: nothing to clean up
};

/// The whole of `text` as the file `path`, written as AtomicFile does.
void write_file(const std::string& op, const std::string& path, std::string_view text);

}  // namespace io
}  // namespace st
