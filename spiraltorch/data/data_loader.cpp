// What a loader checks of its options, for all types of data sets.
#include "spiraltorch/data/data_loader.h"

namespace st {
namespace data {

void check_options(const DataLoaderOptions& options, int64_t size) {
  check_sampler("DataLoader", size, {.batch_size = options.batch_size, .shuffle = options.shuffle});
  check<ValueError>(options.workers >= 0, "DataLoader: workers is {}, at least 0 is needed", options.workers);
  check<ValueError>(options.prefetch_factor >= 1, "DataLoader: prefetch_factor is {}, at least 1 is needed",
                    options.prefetch_factor);
}

}  // namespace data
}  // namespace st
