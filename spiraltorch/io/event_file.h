// TensorBoard's event files: numbers over steps, for `tensorboard --logdir`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace [[gnu::visibility("default")]] st {
namespace io {

/// Appends numbers to an event file, whose name must contain "tfevents" for TensorBoard to find it.
///   EventFile events("runs/first/events.out.tfevents.0");
///   events.add_scalar("train/loss", 0.25, step);
/// A file that is new or empty begins with the version of the format. Records are framed as TFRecord frames
/// them, each with its masked CRC-32C: a file that was cut off in the middle is readable up to there. What
/// was added is in the file after flush(), and when this goes. Throws IoError with path and reason; then the
/// file ends where it ended before, and what was added waits for the next flush(): for room on the disk, say.
/// Format: tensorflow/core/util/event.proto and tensorflow/core/lib/io/record_writer.h
class EventFile {
 public:
  explicit EventFile(const std::string& path);
  ~EventFile();
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  /// One number of the curve `tag` at `step`, at the present time. Steps need not be in order.
  void add_scalar(std::string_view tag, double value, int64_t step);
  void flush();

 private:
  void add_record(std::string_view event);

  std::string path_;
  std::string waiting_;  // whole records that are not in the file yet
  int file_ = -1;
};

}  // namespace io
}  // namespace st
