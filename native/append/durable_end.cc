#include "append/durable_end.h"

#include <errno.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "os/clock.h"
#include "os/directory.h"

namespace holdfast::append {

void DurableEnd::Written(uint64_t offset) {
  // A file that has become shorter was truncated by somebody, and what is there since may be new.
  if (offset < end_) end_ = 0;
  journal_end_ = std::min(journal_end_, offset);
  added_end_ = std::min(added_end_, offset);
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
  const bool is_durable = end <= std::max(end_, journal_end_);
  if (durability_ == os::Durability::kNone || (is_durable && rotated.empty())) return {};
  const auto began = os::Clock::now();
  for (const os::File& other : rotated) {
    if (os::Error error = other.Sync(durability_)) return error;
  }
  if (!is_durable) {
    if (os::Error error = Sync(file, end, size)) return error;
  }
  if (!directory_is_durable_) {
    if (os::Error error = SyncDirectory()) return error;
  }
  *took = std::chrono::duration_cast<std::chrono::nanoseconds>(os::Clock::now() - began);
  return {};
}

os::Error DurableEnd::Sync(const os::File& file, uint64_t end, uint64_t size) {
  const bool is_journaled = end <= added_end_;
  const os::Error error = is_journaled ? journal_->Sync() : file.Sync(durability_);
  if (error) {
    if (journal_) journal_->Distrust();
    // What was acknowledged before is no longer left to a journal that cannot be synced.
    if (is_journaled) file.Sync(durability_);
    return error;
  }
  if (is_journaled) {
    journal_end_ = added_end_;
  } else {
    end_ = size;
  }
  return {};
}

void DurableEnd::EmptyJournal(const os::File& file, uint64_t size) {
  if (!file.Sync(durability_)) journal_->Empty(file, size);
}

}  // namespace holdfast::append
