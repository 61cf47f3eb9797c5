// AtomicFile: the old file or the new one, never a part, and nothing left behind; MappedFile.
#include "spiraltorch/io/atomic_file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

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

TEST(AtomicFile, NamesAFolderThatMayNotBeWritten) {
  const TempDir dir;
  ASSERT_EQ(::chmod(dir.path().c_str(), 0555), 0);
  const uid_t me = ::geteuid();
  if (me == 0) {
    ASSERT_EQ(::seteuid(65534), 0);  // root may write everywhere
  }
  const std::string error = error_of<IoError>([&] { write_file("save", dir / "x", ""); });
  if (me == 0) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  ::chmod(dir.path().c_str(), 0755);
  EXPECT_EQ(error, "save: cannot write " + (dir / "x") + ": Permission denied");
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
