#include "append/durable_end.h"

#include <errno.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "os/clock.h"
#include "os/directory.h"

namespace holdfast::append {

void DurableEnd::Written(uint64_t offset) {
  end_ = std::min(end_, offset);
}

os::Error DurableEnd::SyncDirectory() {
  if (durability_ == os::Durability::kNone) return {};
  const os::Error error = os::SyncDirectory(path_, true);
  if (!error) directory_is_durable_ = true;
  return error;
}

os::Error DurableEnd::OpenRotated(const std::vector<std::string>& paths, std::vector<os::File>* out) const {
  if (durability_ == os::Durability::kNone) return {};
  for (const std::string& path : paths) {
    os::File file;
    const os::Error error = os::File::OpenForSync(path, &file);
    if (error.number == ENOENT) continue;
    if (error) return error;
    out->push_back(std::move(file));
  }
  return {};
}

os::Error DurableEnd::MakeDurable(const os::File& file, uint64_t end, uint64_t size,
                                  const std::vector<os::File>& rotated, std::chrono::nanoseconds* took) {
  assert(end <= size);
  const bool is_durable = end <= end_;
  if (durability_ == os::Durability::kNone || (is_durable && rotated.empty())) return {};
  const auto began = os::Clock::now();
  for (const os::File& other : rotated) {
    if (os::Error error = other.Sync(durability_)) return error;
  }
  if (!is_durable) {
    if (os::Error error = file.Sync(durability_)) return error;
  }
  if (!directory_is_durable_) {
    if (os::Error error = SyncDirectory()) return error;
  }
  if (!is_durable) end_ = size;
  *took = std::chrono::duration_cast<std::chrono::nanoseconds>(os::Clock::now() - began);
  return {};
}

}  // namespace holdfast::append
