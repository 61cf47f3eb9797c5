// The commands of the tool. Each adds itself to the command line; its work runs when the line has been read.
#pragma once

namespace CLI {
class App;
}

namespace tool {

void add_train(CLI::App& app);
void add_evaluate(CLI::App& app);
void add_explain(CLI::App& app);
void add_inspect(CLI::App& app);
void add_summary(CLI::App& app);

/// Thrown by a command that ends in order but with an exit code of its own.
struct Exit {
  int code;
};

}  // namespace tool
