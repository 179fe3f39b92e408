// Locks through descriptors of the caller, which the whole process has in common.
//
// To the kernel, all locks through one open file description (flock(2), fcntl(2)) are one lock: a second one
// does not exclude the first, and to release it is to release both. Whether two descriptors are copies of
// each other cannot be asked everywhere (kcmp(2) is often forbidden). It need not be known: of two locks that
// exclude each other, the second is refused here, as the kernel refuses it where the descriptions differ. Of
// two that may be had together, neither is released in the kernel before the other; nobody else could have
// what they cover before that in any case.
#ifndef HOLDFAST_LOCK_DESCRIPTOR_LOCK_H_
#define HOLDFAST_LOCK_DESCRIPTOR_LOCK_H_

#include <cstdint>
#include <list>
#include <optional>
#include <utility>

#include "lock/mechanism.h"
#include "lock/queue_mutex.h"
#include "os/file.h"
#include "os/mutex.h"

namespace holdfast::lock {

// The place of one lock among those of the process; given up on destruction.
class DescriptorLock {
 public:
  DescriptorLock() = default;
  DescriptorLock(DescriptorLock&& other) noexcept : place_(std::exchange(other.place_, std::nullopt)) {}
  DescriptorLock& operator=(DescriptorLock&& other) noexcept;
  ~DescriptorLock() { Forget(); }

  // To be done before the kernel is asked. False: the process has a lock that excludes this one, or is about
  // to.
  bool Reserve(const Locked& wanted);
  bool is_reserved() const { return place_.has_value(); }

  // To be done before the kernel is asked to change the mode, and after that. Others(): somebody shares it.
  bool Others() const;
  void SetMode(Mode mode);

  // Releases the lock in the kernel, or leaves that to whoever has one that may be the same.
  void Release(os::File file);

  // How often a place was given up so far, and where that is told.
  static uint64_t Changes() REQUIRES(QueueMutex());
  static os::Condition& Changed();

 private:
  void Forget();

  std::optional<std::list<Locked>::iterator> place_;
};

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_DESCRIPTOR_LOCK_H_
