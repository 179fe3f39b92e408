// A call that waits for a lock, and where it stands.
#ifndef HOLDFAST_LOCK_WAITER_H_
#define HOLDFAST_LOCK_WAITER_H_

#include <atomic>
#include <list>
#include <memory>
#include <optional>
#include <utility>

#include "lock/queue_mutex.h"
#include "lock/wait_queue.h"
#include "os/clock.h"

namespace holdfast::lock {

struct LockQueue;
using Waiters = std::list<std::shared_ptr<Waiter>>;

struct Waiter {
  Waiter(Request request_, bool waits_, Done done_)
      : request(std::move(request_)), waits(waits_), done(std::move(done_)) {}

  const Request request;
  // False: it is a single try.
  const bool waits;
  const Done done;
  // False once its outcome was taken, or never will be. Changed under the mutex only.
  std::atomic<bool> pending{true};
  // How it ended, until that is taken.
  std::optional<Outcome> outcome GUARDED_BY(QueueMutex());
  // The list in which it stands, if in any, and where: that of a queue, or one of its owner's.
  Waiters* list GUARDED_BY(QueueMutex()) = nullptr;
  Waiters::iterator position GUARDED_BY(QueueMutex());
  // If it stands in a queue.
  LockQueue* queue GUARDED_BY(QueueMutex()) = nullptr;

  bool is_late() const { return request.deadline < os::Clock::now(); }

  void StandIn(Waiters* in, Waiters::iterator before, std::shared_ptr<Waiter> self) REQUIRES(QueueMutex()) {
    position = in->insert(before, std::move(self));
    list = in;
  }
  void Leave() REQUIRES(QueueMutex()) {
    if (list != nullptr) list->erase(position);
    list = nullptr;
    queue = nullptr;
  }
};

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_WAITER_H_
