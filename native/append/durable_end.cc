#include "append/durable_end.h"

#include <errno.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "os/clock.h"
#include "os/directory.h"

namespace holdfast::append {

namespace {

// Syncs are shared until so many commits in succession found nothing that others have written.
constexpr int kCompany = 16;

}  // namespace

void DurableEnd::Written(uint64_t offset) {
  end_ = std::min(end_, offset);
  if (seen_ && *seen_ != offset) {
    company_ = kCompany;
  } else if (company_ > 0) {
    company_--;
  }
}

// Who appends alone makes no more calls than the sync.
os::Error DurableEnd::SyncFile(const os::File& file, bool may_wait) {
  if (company_ > 0 && may_wait && durability_ == os::Durability::kData) return shared_sync_.Sync(file);
  shared_sync_.Rest(file);
  return file.Sync(durability_);
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
                                  const std::vector<os::File>& rotated, bool may_wait,
                                  std::chrono::nanoseconds* took) {
  assert(end <= size);
  const bool is_durable = end <= end_;
  if (durability_ == os::Durability::kNone || (is_durable && rotated.empty())) return {};
  const auto began = os::Clock::now();
  for (const os::File& other : rotated) {
    if (os::Error error = other.Sync(durability_)) return error;
  }
  if (!is_durable) {
    if (os::Error error = SyncFile(file, may_wait)) return error;
  }
  if (!directory_is_durable_) {
    if (os::Error error = SyncDirectory()) return error;
  }
  if (!is_durable) end_ = size;
  seen_ = size;
  *took = std::chrono::duration_cast<std::chrono::nanoseconds>(os::Clock::now() - began);
  return {};
}

}  // namespace holdfast::append
