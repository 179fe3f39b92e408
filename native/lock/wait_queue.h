// Waiting for locks, for the whole process: first come first served, one kernel waiter for each thing that
// can be locked: a path, a descriptor, or a range of bytes of one of them.
//
// Callers that want one which is taken stand in a queue. For the first of them one helper thread waits in
// the kernel; when the lock is granted it goes to whoever is first by then. So ten thousand waiting calls
// cost one thread, and a caller who gives up costs the others nothing: the kernel's queue keeps our place.
//
// The threads that wait in the kernel are bounded. Past the bound, one more thread tries the remaining queues
// in turn, until a kernel waiter becomes free.
#ifndef HOLDFAST_LOCK_WAIT_QUEUE_H_
#define HOLDFAST_LOCK_WAIT_QUEUE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lock/held_lock.h"
#include "lock/mechanism.h"
#include "os/clock.h"
#include "os/file.h"

namespace holdfast::lock {

class Owner;

// What to lock: the file that `path` names, or else the open `descriptor`, which stays its owner's to close.
struct Request {
  std::string path;
  os::File::Handle descriptor = os::File::kNone;
  Spec spec;
  bool create = true;
  std::optional<unsigned> permissions;  // of a file that is made
  // Whose it is; see owner.h.
  std::shared_ptr<Owner> owner;
  // The owner's thread blocks until it is answered.
  bool blocks = false;
  // A grant that comes later is nobody's. When the wait ends is the caller's to say, by Cancel.
  os::Clock::time_point deadline = os::kNever;
  // The file is there for this lock alone: its holders make it, and remove it when they release it. So it
  // must be a regular file, at the path itself and not where a link leads; and whoever waits for it shows
  // that to the holder, see waiting_mark.h.
  bool lock_file = false;

  bool has_descriptor() const { return descriptor != os::File::kNone; }
};

// How a request ended: with a lock, busy, or with an error.
struct Outcome {
  os::Error error;
  bool busy = false;
  HeldLock lock;
};

// Called on any thread when there is an outcome to take, which may be gone by then.
using Done = std::function<void()>;

// One call that waits.
struct Waiter;

// Tries once on the calling thread, if that cannot block: in directories, or of descriptors on devices, that
// are known to be local, and (unless `barge`, for a caller who does not wait if it is busy) with nobody of
// this process waiting for the lock. Returns nullopt if the attempt might block; then use Try or Wait.
std::optional<Outcome> TryOnThisThread(const Request& request, bool barge);

// Tries once on a helper thread.
std::shared_ptr<Waiter> Try(Request request, Done done);

// Waits for ever; a deadline or an abort is the caller's, by Cancel. A blocking call takes the place of the
// first wait of its owner.
std::shared_ptr<Waiter> Wait(Request request, Done done);

// The outcome, once; nothing if there is none, or none any more.
std::optional<Outcome> Take(const std::shared_ptr<Waiter>& waiter);

// For a call that blocks: the lock that a wait of its owner for the same was granted and has not taken. That
// wait goes on, as the first.
std::optional<HeldLock> TakeOver(const Request& request);

// True: there will be no outcome, and a grant that still comes is released at once, unseen. False: too late.
bool Cancel(const std::shared_ptr<Waiter>& waiter);

// As Cancel; an outcome is dropped.
void Discard(const std::shared_ptr<Waiter>& waiter);

// While the owner's thread blocks, which holds these locks.
class Blocking {
 public:
  Blocking(std::shared_ptr<Owner> owner, std::vector<Locked> held);
  Blocking(const Blocking&) = delete;
  Blocking& operator=(const Blocking&) = delete;
  ~Blocking();

 private:
  const std::shared_ptr<Owner> owner_;
};

// True if calls for this path cannot block: TryOnThisThread would try.
bool IsKnownLocal(const std::string& path);

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_WAIT_QUEUE_H_
