// What a save leaves behind when it cannot end: killed at any moment, or on a full disk.
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <random>
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
  int old_files = 0, cut_short = 0;
  for (int i = 0; i < 200; ++i) {
    const pid_t child = start_saving(path, a, b);
    ASSERT_GT(child, 0);
    std::this_thread::sleep_for(std::chrono::microseconds(moments(random)));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";
    const StateDict left = io::load_safetensors(path);
    const bool is_old = is_whole(left, 1);
    ASSERT_TRUE(is_old || is_whole(left, 2)) << "after kill " << i;
    old_files += is_old;
    for (const std::string& name : dir.names()) {
      if (name == "model.safetensors") continue;
      ++cut_short;
      std::filesystem::remove(dir / name);
    }
  }
  EXPECT_GT(cut_short, 0) << "no save was ever interrupted: the test has tested nothing";
  std::printf("%d of 200 kills came within a save; %d left the first state\n", cut_short, old_files);
}

// In a child, for it makes a file system of its own: 0 where all is well, 77 where that is not allowed.
int fill_a_disk(const std::string& folder) {
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=256k") != 0)
    return 77;
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
