// Whose a request is: a JavaScript thread. While that thread blocks, it receives nothing that its own waits
// are granted, and releases nothing that it holds. So, of promise L3:
//
//   - A grant that it cannot receive must not stand before what it blocks for. The lock is given back, and
//   the
//     wait that had it is parked until the thread goes on.
//   - A call that would wait for a lock which the thread itself holds could wait for ever: it fails at once.
//
// What a thread may block for is known by claims. A batch writer has one while it waits for its file, whether
// or not its thread blocks for that in this moment; a blocking call for a lock has one while it waits.
#ifndef HOLDFAST_LOCK_OWNER_H_
#define HOLDFAST_LOCK_OWNER_H_

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "lock/held_lock.h"
#include "lock/mechanism.h"
#include "lock/queue_mutex.h"
#include "lock/waiter.h"

namespace holdfast::lock {

class Owner {
 public:
  Owner() = default;
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;

  // The waits whose locks were granted, and not taken yet. Not those of calls that block.
  Waiters granted GUARDED_BY(QueueMutex());
  // The waits that had to give way, in their order.
  Waiters parked GUARDED_BY(QueueMutex());

  // The thread blocks, and holds these locks. More than once, if it blocks in a callback of a call that
  // blocks.
  void Block(std::vector<Locked> held) REQUIRES(QueueMutex());
  // True: it goes on.
  bool Unblock() REQUIRES(QueueMutex());

  // What the blocking call waits for, once that is known. False: it is a deadlock.
  bool BlocksFor(const Locked& wanted) REQUIRES(QueueMutex());
  // True if the thread holds a lock on the same bytes.
  bool HoldsPartOf(const Locked& wanted) const REQUIRES(QueueMutex());

  // Whether a grant must not be made, because the thread blocks for what it excludes.
  bool MustGiveWay(const Locked& grant) const REQUIRES(QueueMutex());
  // Takes back the grants that must not be. To be released by the caller, without the mutex.
  [[nodiscard]] std::vector<HeldLock> GiveWay() REQUIRES(QueueMutex());
  // Takes the lock of a grant, whose wait is parked.
  HeldLock TakeBack(const std::shared_ptr<Waiter>& waiter) REQUIRES(QueueMutex());

 private:
  friend class Claim;
  struct Claimed {
    Locked wanted;
    std::function<void()> on_deadlock;
    bool is_deadlock = false;
  };

  void CheckDeadlock(Claimed* claimed) const REQUIRES(QueueMutex());

  int blocked_ GUARDED_BY(QueueMutex()) = 0;
  std::vector<Locked> held_ GUARDED_BY(QueueMutex());
  std::optional<Locked> blocks_for_ GUARDED_BY(QueueMutex());
  std::list<Claimed> claims_ GUARDED_BY(QueueMutex());
};

// A helper thread waits for a lock for which the owner's thread may block.
class Claim {
 public:
  // Without an owner it has no effect. `on_deadlock` is called when the owner's thread holds the lock and
  // blocks, by any thread, under the mutex.
  Claim(std::shared_ptr<Owner> owner, const Locked& wanted, std::function<void()> on_deadlock);
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  ~Claim();

  bool IsDeadlock() const;

 private:
  const std::shared_ptr<Owner> owner_;
  std::list<Owner::Claimed>::iterator place_;
};

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_OWNER_H_
