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
  if (!entries_.is_open()) {
    if (os::Error error = entries_.Open(path_, true)) return error;
  }
  const os::Error error = entries_.Sync();
  entries_.Close();
  if (!error) directory_is_durable_ = true;
  return error;
}

os::Error DurableEnd::Prepare(const os::File& file, const std::vector<std::string>& rotated,
                              std::vector<os::File>* out) {
  if (durability_ == os::Durability::kNone) return {};
  if (!directory_is_durable_ && !entries_.is_open()) {
    if (os::Error error = entries_.Open(path_, true)) return error;
  }
  for (const std::string& path : rotated) {
    os::File opened;
    const os::Error error = os::File::OpenBelieved(path, file, true, &opened);
    if (error.number == ENOENT) continue;
    if (error) return error.Of(path);
    out->push_back(std::move(opened));
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
