// spiraltorch: trains, evaluates and explains networks from the command line.
// Exit codes: 0, 2 for a wrong call, 1 for what failed while running, 130 after Ctrl-C. An error is one line
// on standard error.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>

#include "apps/spiraltorch/command.h"
#include "spiraltorch/core/version.h"

int main(int argc, char** argv) {
  CLI::App app("SpiralTorch: deep learning in C++, with hyperbolic space as a first-class citizen",
               "spiraltorch");
  app.set_version_flag("--version", std::string(st::version()));
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  tool::add_train(app);
  tool::add_evaluate(app);
  tool::add_explain(app);
  tool::add_inspect(app);
  tool::add_summary(app);
  try {
    app.parse(argc, argv);
  } catch (const tool::Exit& exit) {
    return exit.code;
  } catch (const CLI::Success& asked) {  // --help and --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "spiraltorch: %s (see spiraltorch --help)\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::string line = error.what();  // a list of keys has a line for each
    std::replace(line.begin(), line.end(), '\n', ' ');
    std::fprintf(stderr, "spiraltorch: %s\n", line.c_str());
    return 1;
  }
  return 0;
}
