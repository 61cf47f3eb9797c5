// The order of an epoch: every draw is one of PyTorch's, in its order.
#include "spiraltorch/data/sampler.h"

#include <algorithm>
#include <numeric>

#include "spiraltorch/core/check.h"

namespace st {
namespace data {

void check_sampler(const char* op, int64_t size, const BatchSamplerOptions& options) {
  check<ValueError>(size >= 0, "{}: the data set's size is {}, at least 0 is needed", op, size);
  check<ValueError>(options.batch_size >= 1, "{}: batch_size is {}, at least 1 is needed", op,
                    options.batch_size);
  check<ValueError>(!options.shuffle || size > 0,
                    "{}: shuffle needs a data set that is not empty, this one's size is {}", op, size);
}

BatchSampler::BatchSampler(int64_t size, const BatchSamplerOptions& options)
    : size_(size), options_(options) {
  check_sampler("BatchSampler", size, options);
  Generator& source = options.generator ? *options.generator : default_generator();
  base_seed_ = random_int63(source);
  if (!options.shuffle) return;
  order_.resize(static_cast<size_t>(size));
  if (options.generator) {
    shuffle(source);
  } else {
    Generator fresh(static_cast<uint64_t>(random_int63(source)));
    shuffle(fresh);
  }
}

void BatchSampler::shuffle(Generator& generator) { randperm(order_, generator); }

std::vector<int64_t> BatchSampler::next() {
  const int64_t count = std::min(options_.batch_size, size_ - position_);
  std::vector<int64_t> batch;
  const bool whole = count == options_.batch_size;
  if (whole || (count > 0 && !options_.drop_last)) {
    batch.resize(static_cast<size_t>(count));
    if (options_.shuffle) {
      std::copy_n(order_.begin() + position_, count, batch.begin());
    } else {
      std::iota(batch.begin(), batch.end(), position_);
    }
    position_ += count;
  }
  if (!whole && !exhausted_) {
    exhausted_ = true;
    if (options_.shuffle && options_.generator) {
      position_ = size_;
      shuffle(*options_.generator);  // its values are of no use, its draws are PyTorch's
    }
  }
  return batch;
}

int64_t count_batches(int64_t size, int64_t batch_size, bool drop_last) {
  return size / batch_size + (!drop_last && size % batch_size != 0);
}

}  // namespace data
}  // namespace st
