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

#include "lock/held_lock.h"
#include "lock/mechanism.h"
#include "os/file.h"

namespace holdfast::lock {

// What to lock: the file that `path` names, or else the open `descriptor`, which stays its owner's to close.
struct Request {
  std::string path;
  os::File::Handle descriptor = os::File::kNone;
  Spec spec;
  bool create = true;

  bool has_descriptor() const { return descriptor != os::File::kNone; }
};

// How a request ended: with a lock, busy, or with an error.
struct Outcome {
  os::Error error;
  bool busy = false;
  HeldLock lock;
};

using Done = std::function<void(Outcome)>;

// One call that waits.
struct Waiter;

// Tries once on the calling thread, if that cannot block: in directories known to be on a local file system,
// and (unless `barge`) with nobody of this process waiting for the lock. Returns nullopt if the attempt might
// block; then use Try or Wait.
std::optional<Outcome> TryOnThisThread(const Request& request, bool barge);

// Tries once on a helper thread.
std::shared_ptr<Waiter> Try(Request request, Done done);

// Waits for ever; a deadline or an abort is the caller's, by Cancel.
std::shared_ptr<Waiter> Wait(Request request, Done done);

// True: `done` will never be called, and a grant that still comes is released at once, unseen. False: too
// late, `done` has been or is being called.
bool Cancel(const std::shared_ptr<Waiter>& waiter);

// True if calls for this path cannot block: TryOnThisThread would try.
bool IsKnownLocal(const std::string& path);

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_WAIT_QUEUE_H_
