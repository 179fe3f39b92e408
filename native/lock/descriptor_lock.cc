#include "lock/descriptor_lock.h"

#include <algorithm>
#include <vector>

namespace holdfast::lock {
namespace {

// A lock that its holder is done with, but that may be one with another.
struct Lingering {
  os::File file;
  Locked locked;
};

struct Table {
  // Not the wait queue's: the kernel is asked under it, which may take long on a network.
  os::Mutex mutex;
  std::list<Locked> places GUARDED_BY(mutex);
  std::vector<Lingering> lingering GUARDED_BY(mutex);

  // Never destroyed: threads may still be waiting when the process ends.
  static Table& Get() {
    static Table& instance = *new Table;
    return instance;
  }

  bool AnyOverlaps(const Locked& locked) const REQUIRES(mutex) {
    return std::any_of(places.begin(), places.end(),
                       [&](const Locked& other) { return Overlap(other, locked); });
  }
};

uint64_t changes GUARDED_BY(QueueMutex()) = 0;

void Tell() {
  os::MutexLock guard(QueueMutex());
  changes++;
  DescriptorLock::Changed().NotifyAll();
}

}  // namespace

DescriptorLock& DescriptorLock::operator=(DescriptorLock&& other) noexcept {
  if (this != &other) {
    Forget();
    place_ = std::exchange(other.place_, std::nullopt);
  }
  return *this;
}

bool DescriptorLock::Reserve(const Locked& wanted) {
  Table& table = Table::Get();
  os::MutexLock guard(table.mutex);
  const bool excluded = std::any_of(table.places.begin(), table.places.end(),
                                    [&](const Locked& other) { return Exclude(other, wanted); });
  if (!excluded) place_ = table.places.insert(table.places.end(), wanted);
  return !excluded;
}

bool DescriptorLock::Others() const {
  Table& table = Table::Get();
  os::MutexLock guard(table.mutex);
  return std::count_if(table.places.begin(), table.places.end(),
                       [&](const Locked& other) { return Overlap(other, **place_); }) > 1;
}

void DescriptorLock::SetMode(Mode mode) {
  {
    Table& table = Table::Get();
    os::MutexLock guard(table.mutex);
    (*place_)->spec.mode = mode;
  }
  Tell();
}

void DescriptorLock::Release(os::File file) {
  if (!place_) return;
  {
    Table& table = Table::Get();
    os::MutexLock guard(table.mutex);
    table.lingering.push_back({std::move(file), **place_});
  }
  Forget();
}

// The kernel is asked under the mutex: a lock through the same description that is reserved meanwhile would
// be released with this one.
void DescriptorLock::Forget() {
  if (!place_) return;
  {
    Table& table = Table::Get();
    os::MutexLock guard(table.mutex);
    table.places.erase(*std::exchange(place_, std::nullopt));
    for (auto old = table.lingering.begin(); old != table.lingering.end();) {
      if (table.AnyOverlaps(old->locked)) {
        ++old;
        continue;
      }
      MechanismOf(old->locked.spec.kind).unlock(old->file, old->locked.spec);
      old = table.lingering.erase(old);
    }
  }
  Tell();
}

uint64_t DescriptorLock::Changes() {
  return changes;
}

os::Condition& DescriptorLock::Changed() {
  static os::Condition& instance = *new os::Condition;
  return instance;
}

}  // namespace holdfast::lock
