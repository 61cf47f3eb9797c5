// Draws with a carriage return and "erase line"; off a terminal only finish() prints.
#include "apps/spiraltorch/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace tool {
namespace {

int terminal_width() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string duration_text(double seconds) {
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const int64_t whole = std::llround(seconds);
  return fmt::format("{} min {:02} s", whole / 60, whole % 60);
}

ProgressBar::ProgressBar(std::string label, int64_t steps)
    : label_(std::move(label)), steps_(std::max<int64_t>(steps, 1)), terminal_(isatty(STDOUT_FILENO)) {}

ProgressBar::~ProgressBar() {
  if (drawn_) draw("");
}

void ProgressBar::update(int64_t step, const std::string& details) {
  if (!terminal_ || (step < steps_ && watch_.seconds() - last_drawn_ < 0.1)) return;
  last_drawn_ = watch_.seconds();
  const double left =
      step > 0 ? last_drawn_ / static_cast<double>(step) * static_cast<double>(steps_ - step) : 0;
  std::string text = fmt::format("{}  {}, {} left", label_, details, duration_text(left));
  // The bar takes what room the words leave; on a narrow terminal the words alone are shown, cut to one line.
  const int width = terminal_width() - 1;
  const int room = std::min(30, width - static_cast<int>(text.size()) - 3);
  if (room >= 5) {
    const int full = static_cast<int>(step * room / steps_);
    text.insert(label_.size(), fmt::format(" [{:#>{}}{:.>{}}]", "", full, "", room - full));
  }
  draw(text.substr(0, static_cast<size_t>(std::max(width, 0))));
}

void ProgressBar::finish(const std::string& line) {
  if (drawn_) draw("");
  drawn_ = false;
  std::puts(line.c_str());
  std::fflush(stdout);
}

void ProgressBar::draw(const std::string& text) {
  drawn_ = true;
  std::fputs(("\r\x1b[K" + text).c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace tool
