// Ctrl-C: the first asks training to stop where it can be taken up again, the second leaves at once.
#pragma once

namespace tool {

/// While one lives, SIGINT and SIGTERM are noted; a second one ends the process, with 128 + its number.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// The signal that came, 0 for none.
  static int received();
};

}  // namespace tool
