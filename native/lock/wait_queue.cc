// The wait queue, which is one subject: whoever splits it has to say twice under which mutex a waiter moves
// from the queue to the kernel and back.
#include "lock/wait_queue.h"

#include <assert.h>
#include <errno.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <list>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "lock/idle_files.h"
#include "lock/interrupt.h"
#include "lock/late_grants.h"
#include "lock/named_file.h"
#include "lock/owner.h"
#include "lock/queue_mutex.h"
#include "lock/waiter.h"
#include "lock/waiting_mark.h"
#include "os/clock.h"
#include "os/directory.h"
#include "os/mutex.h"
#include "os/thread_pool.h"

namespace holdfast::lock {

// The waiters for one thing that can be locked, in their order. Abandoned, if there are none any more: the
// thread that waits in the kernel may still be granted the lock before it comes out.
struct LockQueue {
  explicit LockQueue(std::string key_) : key(std::move(key_)) {}

  const std::string key;
  Waiters waiting GUARDED_BY(QueueMutex());
  // The file that was found busy.
  std::optional<os::FileId> busy GUARDED_BY(QueueMutex());
  // The last attempt: for whom, and DescriptorLock::Changes before it.
  std::shared_ptr<Waiter> attempted_for GUARDED_BY(QueueMutex());
  uint64_t descriptor_changes GUARDED_BY(QueueMutex()) = 0;
  Mode attempted GUARDED_BY(QueueMutex()) = Mode::kExclusive;  // what the thread waits for in the kernel
  Interrupt interrupt;
};

namespace {

constexpr int kMaxKernelWaiters = 64;
constexpr auto kMinPollPause = std::chrono::milliseconds(1);
constexpr auto kMaxPollPause = std::chrono::milliseconds(16);
constexpr size_t kMaxLocalPlaces = 4096;
constexpr int kMaxMovesOnThisThread = 16;

// Requests with the same key wait in one queue.
std::string KeyOf(const Request& request) {
  std::string key = request.path;
  if (request.has_descriptor()) key += std::string("\0fd", 3) + std::to_string((intptr_t)request.descriptor);
  if (request.spec.kind == Kind::kFcntl) {
    key += std::string("\0fcntl", 6) + std::to_string(request.spec.start) + "+" +
           std::to_string(request.spec.length);
  }
  return key;
}

// True after an attempt that came to nothing, and is worth another one.
bool IsUndecided(Attempt attempt) {
  return attempt == Attempt::kInterrupted || attempt == Attempt::kMoved;
}

// Who acquires: the calling thread, which must not wait for anything, for a single try or before it waits in
// the queue; a helper thread for a single try; or one for those who wait.
enum class Acquirer { kThisThread, kThisThreadFirst, kSingleTry, kQueue };

class WaitQueue {
 public:
  // Never destroyed: threads may still be waiting when the process ends.
  static WaitQueue& Get() {
    static WaitQueue& instance = *new WaitQueue;
    return instance;
  }

  bool MayTryOnThisThread(const Request& request, bool barge) {
    uint64_t device = 0;
    if (request.has_descriptor() && !os::File::KnownDevice(request.descriptor, &device)) return false;
    os::MutexLock guard(QueueMutex());
    const bool local = request.has_descriptor() ? local_devices_.count(device) != 0 : IsLocal(request.path);
    if (!local) return false;
    if (queues_.empty()) return true;
    const std::string key = KeyOf(request);
    return queues_.count(key) == 0 || (barge && !IsAbandoned(key));
  }

  bool IsKnownLocal(const std::string& path) {
    os::MutexLock guard(QueueMutex());
    return IsLocal(path);
  }

  std::shared_ptr<Waiter> Try(Request request, Done done) {
    const auto waiter = std::make_shared<Waiter>(std::move(request), false, std::move(done));
    const os::Error error = os::RunOnHelperThread([this, waiter] {
      AwaitAbandoned(waiter->request);
      Outcome outcome;
      Attempt attempt;
      do {
        outcome = {};
        attempt = Acquire(waiter->request, Acquirer::kSingleTry, nullptr, nullptr, &outcome);
      } while (IsUndecided(attempt) && waiter->pending);
      os::MutexLock guard(QueueMutex());
      Finish(waiter, outcome);
    });
    if (error) FailLater(waiter, error);
    return waiter;
  }

  std::shared_ptr<Waiter> Wait(Request request, Done done) {
    const auto waiter = std::make_shared<Waiter>(std::move(request), true, std::move(done));
    os::MutexLock guard(QueueMutex());
    Enqueue(waiter, Position::kBack);
    LockQueue* queue = waiter->queue;
    if (waiter->request.blocks && queue != nullptr && queue->busy) Resolve(queue, waiter, *queue->busy);
    return waiter;
  }

  std::optional<Outcome> Take(const std::shared_ptr<Waiter>& waiter) {
    os::MutexLock guard(QueueMutex());
    if (!waiter->pending || !waiter->outcome) return std::nullopt;
    waiter->pending = false;
    waiter->Leave();
    return std::exchange(waiter->outcome, std::nullopt);
  }

  std::optional<HeldLock> TakeOver(const Request& request) {
    os::MutexLock guard(QueueMutex());
    for (const std::shared_ptr<Waiter>& waiter : request.owner->granted) {
      const Request& other = waiter->request;
      if (other.path == request.path && other.descriptor == request.descriptor &&
          other.spec.kind == request.spec.kind && other.spec.mode == request.spec.mode &&
          other.spec.start == request.spec.start && other.spec.length == request.spec.length) {
        const std::shared_ptr<Waiter> found = waiter;
        HeldLock lock = request.owner->TakeBack(found);
        if (found->waits) {
          found->Leave();
          Enqueue(found, Position::kFront);
        }
        return lock;
      }
    }
    return std::nullopt;
  }

  void Block(Owner* owner, std::vector<Locked> held) {
    std::vector<HeldLock> given_back;
    os::MutexLock guard(QueueMutex());
    owner->Block(std::move(held));
    given_back = owner->GiveWay();
  }

  void Unblock(Owner* owner) {
    os::MutexLock guard(QueueMutex());
    if (!owner->Unblock()) return;
    while (!owner->parked.empty()) {
      const std::shared_ptr<Waiter> last = owner->parked.back();
      last->Leave();
      Enqueue(last, Position::kFront);
    }
  }

  bool Cancel(const std::shared_ptr<Waiter>& waiter) {
    os::MutexLock guard(QueueMutex());
    if (!waiter->pending || waiter->outcome) return false;
    waiter->pending = false;
    LockQueue* queue = waiter->queue;
    waiter->Leave();
    if (queue != nullptr) Reconsider(queue);
    return true;
  }

  // Opens and locks what is asked for, for a queue or none. With `interrupt`, waits in the kernel for a lock
  // that is taken. After kMoved or kInterrupted: check the queue again, then try again.
  Attempt Acquire(const Request& request, Acquirer acquirer, LockQueue* queue, Interrupt* interrupt,
                  Outcome* out) EXCLUDES(QueueMutex()) {
    const bool on_this_thread = acquirer == Acquirer::kThisThread || acquirer == Acquirer::kThisThreadFirst;
    os::File file;
    os::FileId id;
    Spec spec = request.spec;
    os::LockAccess access;
    access.create = request.create;
    access.follow = !on_this_thread && !request.lock_file;
    access.wait_for_lease = !on_this_thread;
    access.write = spec.kind == Kind::kFcntl && spec.mode == Mode::kExclusive;
    access.permissions = request.permissions;
    bool local = on_this_thread;
    const bool may_idle = spec.kind == Kind::kFlock && !request.has_descriptor();
    const bool reused = may_idle && TakeIdleFile(request.path, request.lock_file, &file, &id);
    if (reused) {
      local = true;
    } else {
      if (request.has_descriptor()) {
        out->error = os::File::Duplicate(request.descriptor, &file);
        if (!out->error) out->error = file.Id(&id);
      } else {
        out->error = OpenForLock(request.path, access, &file, &id);
        if (!out->error && request.lock_file) out->error = file.CheckRegular();
      }
      if (out->error) return Attempt::kFailed;
      local = local || file.IsLocal();
      if (local && !on_this_thread) Learn(request, id);
    }
    DescriptorLock descriptor;
    if (request.has_descriptor() && !descriptor.Reserve({id, spec})) {
      if (queue != nullptr) FoundBusy(queue, id);
      out->busy = true;
      return Attempt::kBusy;
    }
    LateGrants late_grants;
    Attempt attempt = MechanismOf(spec.kind).try_lock(file, spec, &out->error);
    if (out->error.number == EBADF && !request.has_descriptor() && !access.write) {
      access.write = true;
      out->error = OpenForLock(request.path, access, &file, &id);
      if (out->error) return Attempt::kFailed;
      attempt = MechanismOf(spec.kind).try_lock(file, spec, &out->error);
    }
    if (out->error.number == EINVAL && spec.kind == Kind::kFcntl && spec.start == 0 && spec.length == 0) {
      // A kernel without open file description locks (comapeo-core#995). The whole file can be locked by
      // flock as well.
      spec.kind = Kind::kFlock;
      out->error = {};
      attempt = MechanismOf(spec.kind).try_lock(file, spec, &out->error);
    }
    while (attempt == Attempt::kBusy && acquirer == Acquirer::kSingleTry && late_grants.WasReleased(id)) {
      attempt = MechanismOf(spec.kind).try_lock(file, spec, &out->error);
    }
    if (attempt == Attempt::kBusy && reused) {
      // Busy may be the file that the path named when it was opened, and no longer does.
      bool still = false;
      out->error = StillNames(request.path, Place::kLocal, file, id, &still);
      if (out->error) return Attempt::kFailed;
      if (!still) return Attempt::kMoved;
    }
    if (attempt == Attempt::kBusy && queue != nullptr) FoundBusy(queue, id);
    if (attempt == Attempt::kBusy && interrupt != nullptr) {
      const Opened opened = request.has_descriptor() ? Opened::kByCaller : Opened::kForLock;
      if (request.lock_file) MarkWaiting(file);
      attempt = interrupt->Wait(&file, opened, spec, &out->error);
      if (request.lock_file) UnmarkWaiting(file);
    }
    if (attempt == Attempt::kBusy) {
      out->busy = true;
      if (may_idle && acquirer == Acquirer::kThisThreadFirst) {
        PutIdleFile(request.path, request.lock_file, std::move(file), id);
      }
    }
    if (attempt == Attempt::kGranted && !request.has_descriptor()) {
      const Place place = local ? Place::kLocal : Place::kNetwork;
      attempt = KeepIfNamed(request.path, place, id, spec, &file, &out->error);
    }
    if (attempt == Attempt::kGranted) {
      out->lock = HeldLock(std::move(file), id, request.path, spec, local, std::move(descriptor));
    }
    return attempt;
  }

 private:
  enum class Step { kGoOn, kBusy, kEmpty };
  enum class Position { kFront, kBack };

  void Enqueue(const std::shared_ptr<Waiter>& waiter, Position position) REQUIRES(QueueMutex()) {
    const std::string key = KeyOf(waiter->request);
    auto& queue = queues_[key];
    const bool is_new = queue == nullptr;
    if (is_new) queue = std::make_unique<LockQueue>(key);
    Waiters& waiting = queue->waiting;
    auto before = position == Position::kFront ? waiting.begin() : waiting.end();
    if (waiter->request.blocks) {
      // Those of its owner can receive nothing before it.
      before = std::find_if(waiting.begin(), waiting.end(),
                            [&](const auto& other) { return other->request.owner == waiter->request.owner; });
    }
    waiter->StandIn(&waiting, before, waiter);
    waiter->queue = queue.get();
    if (is_new) {
      Start(queue.get());
    } else {
      Reconsider(queue.get());
      abandoned_ended_.NotifyAll();
    }
  }

  // The wait in the kernel goes on for whoever is first now, unless it is for nobody or for the wrong mode.
  void Reconsider(LockQueue* queue) REQUIRES(QueueMutex()) {
    if (queue->waiting.empty() || queue->waiting.front()->request.spec.mode != queue->attempted) {
      queue->interrupt.Now();
      DescriptorLock::Changed().NotifyAll();
    }
  }

  // Who blocks for a lock that is busy must not wait for its own thread.
  void FoundBusy(LockQueue* queue, const os::FileId& id) EXCLUDES(QueueMutex()) {
    os::MutexLock guard(QueueMutex());
    queue->busy = id;
    std::vector<std::shared_ptr<Waiter>> blocking;
    for (const auto& waiter : queue->waiting) {
      if (waiter->request.blocks) blocking.push_back(waiter);
    }
    for (const auto& waiter : blocking) {
      if (waiter->queue == queue) Resolve(queue, waiter, id);
    }
  }

  // `waiter` blocks its thread, and stands in the queue of a lock that is busy.
  void Resolve(LockQueue* queue, const std::shared_ptr<Waiter>& waiter, const os::FileId& id)
      REQUIRES(QueueMutex()) {
    const Locked wanted{id, waiter->request.spec};
    Owner& owner = *waiter->request.owner;
    if (!owner.BlocksFor(wanted)) {
      Outcome deadlock{{EDEADLK, "lock"}, false, {}};
      Finish(waiter, deadlock);
      Reconsider(queue);
      return;
    }
    // Whoever is before it may wait for a lock that its thread shares.
    if (owner.HoldsPartOf(wanted) && queue->waiting.front() != waiter) {
      waiter->Leave();
      waiter->StandIn(&queue->waiting, queue->waiting.begin(), waiter);
      waiter->queue = queue;
      Reconsider(queue);
    }
    std::vector<HeldLock> given_back = owner.GiveWay();
    os::MutexUnlock unlocked(QueueMutex());
    given_back.clear();
  }

  bool IsAbandoned(const std::string& key) const REQUIRES(QueueMutex()) {
    const auto queue = queues_.find(key);
    return queue != queues_.end() && queue->second->waiting.empty();
  }

  // Lets the thread of an abandoned queue come out, so that a single try does not find it in its way.
  void AwaitAbandoned(const Request& request) EXCLUDES(QueueMutex()) {
    os::MutexLock guard(QueueMutex());
    if (queues_.empty()) return;
    const auto ended = [this, key = KeyOf(request)]() REQUIRES(QueueMutex()) { return !IsAbandoned(key); };
    abandoned_ended_.WaitFor(QueueMutex(), kLateGrantGrace, ended);
  }

  // Gives the queue to a kernel waiter, or to the poller if there are too many of those.
  void Start(LockQueue* queue) REQUIRES(QueueMutex()) {
    assert(!queue->waiting.empty());
    if (kernel_waiters_ < kMaxKernelWaiters && !os::RunOnHelperThread([this, queue] { Serve(queue); })) {
      kernel_waiters_++;
      return;
    }
    polled_.push_back(queue);
    if (!polling_) polling_ = !os::RunOnHelperThread([this] { Poll(); });
    if (!polling_) FailPolled({EAGAIN, "pthread_create"});
  }

  void Serve(LockQueue* queue) {
    os::MutexLock guard(QueueMutex());
    for (;;) {
      const Step step = ServeFirst(queue, true);
      if (step == Step::kEmpty) break;
      if (step == Step::kBusy) AwaitDescriptor(queue);
    }
    kernel_waiters_--;
  }

  // Waits for what the kernel knows nothing of: a lock that this process has through a descriptor.
  void AwaitDescriptor(LockQueue* queue) REQUIRES(QueueMutex()) {
    DescriptorLock::Changed().Wait(QueueMutex(), [&]() REQUIRES(QueueMutex()) {
      return DescriptorLock::Changes() != queue->descriptor_changes || queue->waiting.empty() ||
             queue->waiting.front() != queue->attempted_for;
    });
  }

  void Poll() {
    os::MutexLock guard(QueueMutex());
    for (auto pause = kMinPollPause; !polled_.empty();) {
      bool moved = false;
      for (size_t i = 0; i < polled_.size();) {
        if (kernel_waiters_ < kMaxKernelWaiters) {
          LockQueue* queue = polled_[i];
          if (!os::RunOnHelperThread([this, queue] { Serve(queue); })) {
            kernel_waiters_++;
            polled_.erase(polled_.begin() + static_cast<std::ptrdiff_t>(i));
            continue;
          }
        }
        const Step step = ServeFirst(polled_[i], false);
        moved = moved || step == Step::kGoOn;
        if (step == Step::kEmpty) {
          polled_.erase(polled_.begin() + static_cast<std::ptrdiff_t>(i));
        } else {
          i++;
        }
      }
      pause = moved ? kMinPollPause : std::min(pause * 2, kMaxPollPause);
      os::MutexUnlock unlocked(QueueMutex());
      std::this_thread::sleep_for(pause);
    }
    polling_ = false;
  }

  // One attempt for whoever is first. The queue is gone when this returns kEmpty.
  Step ServeFirst(LockQueue* queue, bool wait) REQUIRES(QueueMutex()) {
    if (queue->waiting.empty()) {
      queues_.erase(queue->key);
      abandoned_ended_.NotifyAll();
      return Step::kEmpty;
    }
    const std::shared_ptr<Waiter> first = queue->waiting.front();
    queue->attempted = first->request.spec.mode;
    queue->interrupt.At(os::kNever);
    queue->attempted_for = first;
    queue->descriptor_changes = DescriptorLock::Changes();
    Outcome outcome;
    Attempt attempt;
    {
      os::MutexUnlock unlocked(QueueMutex());
      attempt =
          Acquire(first->request, Acquirer::kQueue, queue, wait ? &queue->interrupt : nullptr, &outcome);
    }
    if (IsUndecided(attempt)) return Step::kGoOn;
    if (attempt == Attempt::kBusy) return Step::kBusy;
    std::shared_ptr<Waiter> receiver = first;
    if (attempt == Attempt::kGranted) {
      queue->busy.reset();
      while (!queue->waiting.empty() && queue->waiting.front()->is_late()) {
        Outcome late;
        late.busy = true;
        Finish(std::shared_ptr<Waiter>(queue->waiting.front()), late);
      }
      // A grant may go to somebody else than it was asked for; a failure (ENOENT without create) is one's
      // own.
      if (queue->waiting.empty() || queue->waiting.front()->request.spec.mode != first->request.spec.mode) {
        receiver = nullptr;
      } else {
        receiver = queue->waiting.front();
      }
    }
    Finish(receiver, outcome);
    return Step::kGoOn;
  }

  // Hands the outcome over. If nobody waits for it any more, or its thread blocks for the same lock, a lock
  // in it is released right here.
  void Finish(const std::shared_ptr<Waiter>& waiter, Outcome& outcome) REQUIRES(QueueMutex()) {
    HeldLock released;
    bool told = false;
    if (waiter == nullptr || !waiter->pending) {
      released = std::move(outcome.lock);
    } else {
      waiter->Leave();
      waiter->outcome = std::move(outcome);
      told = true;
      Owner* owner = waiter->request.owner.get();
      if (owner != nullptr && !waiter->request.blocks && waiter->outcome->lock.is_held()) {
        waiter->StandIn(&owner->granted, owner->granted.end(), waiter);
        if (owner->MustGiveWay(waiter->outcome->lock.locked())) {
          released = owner->TakeBack(waiter);
          told = waiter->outcome.has_value();
        }
      }
    }
    os::MutexUnlock unlocked(QueueMutex());
    released.Release();
    if (told) waiter->done();
  }

  void FailLater(const std::shared_ptr<Waiter>& waiter, os::Error error) {
    Outcome outcome{error, false, {}};
    os::MutexLock guard(QueueMutex());
    Finish(waiter, outcome);
  }

  // No thread at all can be had: whoever waits is told, rather than left waiting.
  void FailPolled(os::Error error) REQUIRES(QueueMutex()) {
    assert(error);
    for (LockQueue* queue : polled_) {
      for (const auto& waiter : queue->waiting) {
        waiter->list = nullptr;
        waiter->queue = nullptr;
        waiter->outcome = Outcome{error, false, HeldLock()};
        waiter->done();
      }
      queues_.erase(queue->key);
    }
    polled_.clear();
  }

  bool IsLocal(const std::string& path) const REQUIRES(QueueMutex()) {
    return local_directories_.count(os::DirectoryOf(path)) != 0;
  }

  // Remembers of a local file where it is. A symbolic link may lead to it from a directory on a network. Once
  // something else is mounted, a directory and the number of a device may mean that; nobody tells of it.
  void Learn(const Request& request, const os::FileId& id) {
    const bool in_local_directory = !request.has_descriptor() && os::IsInLocalDirectory(request.path);
    os::MutexLock guard(QueueMutex());
    if (in_local_directory) Remember(&local_directories_, os::DirectoryOf(request.path));
    Remember(&local_devices_, id.device);
  }
  template <typename Places>
  static void Remember(Places* places, typename Places::value_type place) {
    if (places->size() >= kMaxLocalPlaces) places->clear();
    places->insert(std::move(place));
  }

  // The thread of an abandoned queue has come out, or somebody waits in it again.
  os::Condition abandoned_ended_;
  std::unordered_map<std::string, std::unique_ptr<LockQueue>> queues_ GUARDED_BY(QueueMutex());
  std::vector<LockQueue*> polled_ GUARDED_BY(QueueMutex());
  std::unordered_set<std::string> local_directories_ GUARDED_BY(QueueMutex());
  std::unordered_set<uint64_t> local_devices_ GUARDED_BY(QueueMutex());
  int kernel_waiters_ GUARDED_BY(QueueMutex()) = 0;
  bool polling_ GUARDED_BY(QueueMutex()) = false;
};

}  // namespace

std::optional<Outcome> TryOnThisThread(const Request& request, bool barge) {
  if (!WaitQueue::Get().MayTryOnThisThread(request, barge)) return std::nullopt;
  const bool may_be_late_grant = LateGrants::ArePossible();
  const Acquirer acquirer = barge ? Acquirer::kThisThread : Acquirer::kThisThreadFirst;
  for (int moves = 0; moves < kMaxMovesOnThisThread; moves++) {
    Outcome outcome;
    const Attempt attempt = WaitQueue::Get().Acquire(request, acquirer, nullptr, nullptr, &outcome);
    // ELOOP: a symbolic link, which may lead to a file system that we know nothing of.
    // EAGAIN: a lease, which has to be waited for.
    if (outcome.error.number == ELOOP || outcome.error.number == EAGAIN) return std::nullopt;
    // The end of a late grant is not waited for on this thread.
    if (outcome.busy && may_be_late_grant) return std::nullopt;
    if (!IsUndecided(attempt)) return outcome;
  }
  return std::nullopt;
}

std::shared_ptr<Waiter> Try(Request request, Done done) {
  return WaitQueue::Get().Try(std::move(request), std::move(done));
}

std::shared_ptr<Waiter> Wait(Request request, Done done) {
  return WaitQueue::Get().Wait(std::move(request), std::move(done));
}

std::optional<Outcome> Take(const std::shared_ptr<Waiter>& waiter) {
  return WaitQueue::Get().Take(waiter);
}

std::optional<HeldLock> TakeOver(const Request& request) {
  return WaitQueue::Get().TakeOver(request);
}

bool Cancel(const std::shared_ptr<Waiter>& waiter) {
  return WaitQueue::Get().Cancel(waiter);
}

void Discard(const std::shared_ptr<Waiter>& waiter) {
  if (!Cancel(waiter)) Take(waiter);
}

Blocking::Blocking(std::shared_ptr<Owner> owner, std::vector<Locked> held) : owner_(std::move(owner)) {
  WaitQueue::Get().Block(owner_.get(), std::move(held));
}

Blocking::~Blocking() {
  WaitQueue::Get().Unblock(owner_.get());
}

bool IsKnownLocal(const std::string& path) {
  return WaitQueue::Get().IsKnownLocal(path);
}

}  // namespace holdfast::lock
