// What a save leaves behind when it cannot end: killed at any moment, or on a full disk.
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <thread>

#include "spiraltorch/io/safetensors.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/creation.h"
#include "tests/support/temp_dir.h"

namespace st {
namespace {

using testing::error_of;
using testing::TempDir;

// Large enough that a save takes several calls of write().
StateDict state_of(float value) {
  StateDict state;
  for (int i = 0; i < 20; ++i)
    state.insert("layer" + std::to_string(i), full({64, 256}, value, DType::float32));
  return state;
}

bool is_whole(const StateDict& state, float value) {
  if (state.size() != 20) return false;
  for (const auto& [name, x] : state) {
    if (!equal(x, full({64, 256}, value, DType::float32))) return false;
  }
  return true;
}

// A child that saves one state after the other until it is killed.
pid_t start_saving(const std::string& path, const StateDict& a, const StateDict& b) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    while (true) {
      io::save_safetensors(path, a);
      io::save_safetensors(path, b);
    }
  } catch (...) {
    ::_exit(1);
  }
}

TEST(Crash, AKilledSaveLeavesTheOldFileOrTheNewOne) {
  const TempDir dir;
  const std::string path = dir / "model.safetensors";
  const StateDict a = state_of(1), b = state_of(2);
  const auto start = std::chrono::steady_clock::now();
  io::save_safetensors(path, a);
  const auto one_save =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  std::mt19937 random(1);
  std::uniform_int_distribution<int64_t> moments(0, 4 * one_save.count());
  constexpr int kCuts = 200, kMost = 4000;  // a moment may fall between two saves
  std::set<std::string> parts;
  int old_files = 0, kills = 0;
  for (; std::ssize(parts) < kCuts && kills < kMost; ++kills) {
    const pid_t child = start_saving(path, a, b);
    ASSERT_GT(child, 0);
    std::this_thread::sleep_for(std::chrono::microseconds(moments(random)));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";
    const StateDict left = io::load_safetensors(path);
    const bool is_old = is_whole(left, 1);
    ASSERT_TRUE(is_old || is_whole(left, 2)) << "after kill " << kills;
    old_files += is_old;
    for (const std::string& name : dir.names()) {
      if (name != "model.safetensors") parts.insert(name);
    }
  }
  EXPECT_GE(std::ssize(parts), kCuts) << "of " << kills << " kills too few came within a save";
  io::save_safetensors(path, a);
  EXPECT_EQ(dir.names(), std::vector<std::string>{"model.safetensors"}) << "parts of killed saves stay";
  std::printf("%d kills, of which %d came within a save; %d left the first state\n", kills,
              static_cast<int>(parts.size()), old_files);
}

// A file system of 256 KiB for this process alone; who may not mount one becomes root of a user namespace
// first.
bool mount_small(const std::string& folder) {
  const std::string user = std::to_string(::geteuid()), group = std::to_string(::getegid());
  if (::unshare(CLONE_NEWNS) != 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    std::ofstream("/proc/self/setgroups") << "deny";  // without which no group may be mapped
    std::ofstream("/proc/self/uid_map") << "0 " + user + " 1";
    std::ofstream("/proc/self/gid_map") << "0 " + group + " 1";
  }
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=256k") == 0;
}

// In a child: 0 where all is well, 77 where no file system may be mounted.
int fill_a_disk(const std::string& folder) {
  if (!mount_small(folder)) return 77;
  const std::string path = folder + "/model.safetensors";
  StateDict small;
  small.insert("x", full({64}, 7, DType::float32));
  io::save_safetensors(path, small);
  const std::string error = error_of<IoError>([&] { io::save_safetensors(path, state_of(1)); });
  if (error != "save_safetensors: cannot write " + path + ": No space left on device") return 1;
  const StateDict left = io::load_safetensors(path);
  if (left.size() != 1 || !equal(left.at("x"), small.at("x"))) return 2;
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files += entry.is_regular_file();
  return files == 1 ? 0 : 3;
}

TEST(Crash, AFullDiskIsAnErrorAndLeavesTheOldFile) {
  const TempDir dir;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(fill_a_disk(dir.path()));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) {
    GTEST_SKIP() << "no file system may be mounted here; AtomicFile.RemovesThePartWhenWritingFails stands in";
  }
  EXPECT_EQ(WEXITSTATUS(status), 0) << "1: the error's text, 2: the old file, 3: something was left behind";
}

}  // namespace
}  // namespace st
