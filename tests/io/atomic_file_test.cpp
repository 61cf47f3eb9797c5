// AtomicFile: the old file or the new one, never a part, and nothing left behind; MappedFile.
#include "spiraltorch/io/atomic_file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "spiraltorch/core/error.h"
#include "spiraltorch/io/mapped_file.h"
#include "tests/support/temp_dir.h"

namespace st {
namespace {

using io::AtomicFile;
using io::MappedFile;
using io::write_file;
using testing::error_of;
using testing::read_bytes;
using testing::TempDir;
using testing::write_bytes;

TEST(AtomicFile, ReplacesOnCommitOnly) {
  const TempDir dir;
  const std::string path = dir / "x";
  write_file("test", path, "old");
  {
    AtomicFile file("test", path);
    file.write("new ");
    file.write("text");
    EXPECT_EQ(read_bytes(path), "old");
    EXPECT_EQ(dir.names().size(), 2u);
    file.commit();
    EXPECT_EQ(read_bytes(path), "new text");
  }
  {
    AtomicFile abandoned("test", path);
    abandoned.write("half");
  }
  EXPECT_EQ(read_bytes(path), "new text");
  EXPECT_EQ(dir.names(), std::vector<std::string>{"x"});
}

TEST(AtomicFile, TwoAtOnceDoNotMix) {
  const TempDir dir;
  AtomicFile a("test", dir / "x"), b("test", dir / "x");
  a.write("a");
  b.write("b");
  b.commit();
  a.commit();
  EXPECT_EQ(read_bytes(dir / "x"), "a");
  EXPECT_EQ(dir.names().size(), 1u);
}

TEST(AtomicFile, RemovesThePartWhenWritingFails) {
  const TempDir dir;
  const std::string path = dir / "x";
  write_file("test", path, "old");
  // A limit on the size of files fails in write() as a full disk does, with other words.
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 4096;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string error = error_of<IoError>([&] { write_file("save", path, std::string(100'000, 'x')); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(error, "save: cannot write " + path + ": File too large");
  EXPECT_EQ(read_bytes(path), "old");
  EXPECT_EQ(dir.names(), std::vector<std::string>{"x"});
}

TEST(AtomicFile, RefusesPathsThatAreNoFiles) {
  const TempDir dir;
  EXPECT_EQ(error_of<IoError>([&] { write_file("save", dir.path(), ""); }),
            "save: cannot write " + dir.path() + ": it is a directory");
  EXPECT_EQ(error_of<IoError>([&] { write_file("save", dir / "new/", ""); }),
            "save: cannot write " + (dir / "new/") + ": it names a folder");
  EXPECT_EQ(error_of<IoError>([&] { write_file("save", "/dev/null", ""); }),
            "save: cannot write /dev/null: it is not a regular file");
  EXPECT_EQ(error_of<IoError>([&] { write_file("save", "", ""); }), "save: the path is empty");
  EXPECT_EQ(error_of<IoError>([&] { write_file("save", dir / "no/x", ""); }),
            "save: cannot write " + (dir / "no/x") + ": No such file or directory");
}

// While it lives this process is nobody, where it was root, who may write everywhere.
class Unprivileged {
 public:
  Unprivileged() : was_root_(::geteuid() == 0) {
    if (was_root_ && ::seteuid(65534) != 0) throw std::runtime_error("cannot become another user");
  }
  ~Unprivileged() {
    if (was_root_ && ::seteuid(0) != 0) std::abort();
  }

 private:
  bool was_root_;
};

TEST(AtomicFile, AFolderThatMayNotBeWrittenKeepsTheOldFile) {
  const TempDir dir;
  write_file("save", dir / "x", "old");
  ASSERT_EQ(::chmod((dir / "x").c_str(), 0666), 0);
  ASSERT_EQ(::chmod(dir.path().c_str(), 0555), 0);
  for (const char* name : {"x", "new"}) {
    const Unprivileged nobody;
    EXPECT_EQ(error_of<IoError>([&] { write_file("save", dir / name, "text"); }),
              "save: cannot write " + (dir / name) + ": Permission denied");
  }
  ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
  EXPECT_EQ(read_bytes(dir / "x"), "old");
  EXPECT_EQ(dir.names(), std::vector<std::string>{"x"});
}

TEST(AtomicFile, AFileThatMayNotBeWrittenStays) {
  const TempDir dir;
  write_file("save", dir / "x", "old");
  ASSERT_EQ(::chmod((dir / "x").c_str(), 0444), 0);
  ASSERT_EQ(::chmod(dir.path().c_str(), 0777), 0);
  {
    const Unprivileged nobody;
    EXPECT_EQ(error_of<IoError>([&] { write_file("save", dir / "x", "new"); }),
              "save: cannot write " + (dir / "x") + ": Permission denied");
  }
  EXPECT_EQ(read_bytes(dir / "x"), "old");
  EXPECT_EQ(dir.names(), std::vector<std::string>{"x"});
}

TEST(AtomicFile, RemovesWhatKilledWritesLeft) {
  const TempDir dir;
  write_file("save", dir / "x", "old");
  for (const char* path : {"x", "other"}) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      AtomicFile file("save", dir / path);
      file.write("half");
      ::_exit(0);  // as SIGKILL does: without destructors
    }
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  }
  ASSERT_EQ(dir.names().size(), 3u);
  {
    AtomicFile living("save", dir / "x");
    EXPECT_EQ(dir.names().size(), 3u);  // the half of x went, that of another file stays
    write_file("save", dir / "x", "new");
    EXPECT_EQ(dir.names().size(), 3u);
    living.write("newer");
    living.commit();
  }
  EXPECT_EQ(read_bytes(dir / "x"), "newer");
  write_file("save", dir / "other", "2");
  EXPECT_EQ(dir.names().size(), 2u);
}

TEST(AtomicFile, KeepsPermissionsAndFollowsLinks) {
  const TempDir dir;
  write_file("test", dir / "x", "1");
  struct stat status = {};
  const mode_t mask = ::umask(0);
  ::umask(mask);
  ASSERT_EQ(::stat((dir / "x").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0666 & ~mask);
  ASSERT_EQ(::chmod((dir / "x").c_str(), 0640), 0);
  std::filesystem::create_symlink("x", dir / "link");
  write_file("test", dir / "link", "2");
  EXPECT_TRUE(std::filesystem::is_symlink(dir / "link"));
  EXPECT_EQ(read_bytes(dir / "x"), "2");
  ASSERT_EQ(::stat((dir / "x").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST(AtomicFile, FollowsLinksToFilesThatAreNotThereYet) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "runs");
  std::filesystem::create_symlink("runs/best", dir / "best");
  std::filesystem::create_symlink(dir / "best", dir / "link");
  std::filesystem::create_symlink("../new", dir / "runs/up");
  write_file("test", dir / "link", "1");
  write_file("test", dir / "runs/up", "2");
  EXPECT_TRUE(std::filesystem::is_symlink(dir / "link"));
  EXPECT_TRUE(std::filesystem::is_symlink(dir / "best"));
  EXPECT_EQ(read_bytes(dir / "runs/best"), "1");
  EXPECT_EQ(read_bytes(dir / "new"), "2");
  std::filesystem::create_symlink("b", dir / "a");
  std::filesystem::create_symlink("a", dir / "b");
  EXPECT_EQ(error_of<IoError>([&] { write_file("save", dir / "a", "3"); }),
            "save: cannot write " + (dir / "a") + ": Too many levels of symbolic links");
}

TEST(AtomicFile, TakesTheLongestNamesAndNamesWithoutAFolder) {
  const TempDir dir;
  const std::string name(255, 'n');
  write_file("test", dir / name, "1");
  EXPECT_EQ(read_bytes(dir / name), "1");
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(dir.path());
  write_file("test", "plain", "2");
  std::filesystem::current_path(before);
  EXPECT_EQ(read_bytes(dir / "plain"), "2");
}

TEST(MappedFile, IsPrivate) {
  const TempDir dir;
  write_bytes(dir / "x", "abc");
  const auto file = MappedFile::open("test", dir / "x");
  ASSERT_EQ(file->bytes().size(), 3u);
  file->bytes()[0] = std::byte{'X'};
  EXPECT_EQ(read_bytes(dir / "x"), "abc");
  write_bytes(dir / "empty", "");
  EXPECT_EQ(MappedFile::open("test", dir / "empty")->bytes().size(), 0u);
}

}  // namespace
}  // namespace st
