// A handler may do next to nothing: it notes the signal, or leaves without cleaning up.
#include "apps/spiraltorch/stop_signal.h"

#include <signal.h>
#include <unistd.h>

#include <initializer_list>

namespace tool {
namespace {

volatile sig_atomic_t g_received = 0;

extern "C" void note(int signal) {
  if (g_received != 0) ::_exit(128 + signal);
  g_received = signal;
}

void handle(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;  // a write under way goes on
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
}

}  // namespace

StopSignal::StopSignal() {
  g_received = 0;
  handle(note);
}
StopSignal::~StopSignal() { handle(SIG_DFL); }

int StopSignal::received() { return g_received; }

}  // namespace tool
