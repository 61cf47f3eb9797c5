// The commands of the tool. Each adds itself to the command line; its work runs when the line has been read.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace tool {

void add_train(CLI::App& app);
void add_evaluate(CLI::App& app);

}  // namespace tool
