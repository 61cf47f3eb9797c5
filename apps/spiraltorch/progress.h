// The progress of an epoch: a bar that redraws itself on a terminal, one line an epoch elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tool {

/// Seconds since it was made.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// "8.2 s", "3 min 05 s".
std::string duration_text(double seconds);

class ProgressBar {
 public:
  /// `steps` of them make the bar full; the label stands in front of it.
  ProgressBar(std::string label, int64_t steps);
  /// Erases the bar if it still stands.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Redraws, at most ten times a second, with `details` behind the bar and the time left.
  void update(int64_t step, const std::string& details);
  /// Replaces the bar by one line that stays.
  void finish(const std::string& line);

 private:
  void draw(const std::string& text);

  std::string label_;
  int64_t steps_;
  bool terminal_;
  bool drawn_ = false;
  double last_drawn_ = -1;
  Stopwatch watch_;
};

}  // namespace tool
