#include "lock/wait_queue.h"

#include <errno.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "lock/idle_files.h"
#include "lock/interrupt.h"
#include "lock/named_file.h"
#include "os/clock.h"
#include "os/directory.h"
#include "os/thread_pool.h"

namespace holdfast::lock {

// The waiters for one thing that can be locked, in their order.
struct PathQueue {
  explicit PathQueue(std::string key_) : key(std::move(key_)) {}
  const std::string key;
  std::list<std::shared_ptr<Waiter>> waiting;
  Mode attempted = Mode::kExclusive;  // what the thread is waiting for in the kernel
  Interrupt interrupt;
};

namespace {

constexpr int kMostKernelWaiters = 64;
constexpr auto kShortestPoll = std::chrono::milliseconds(1);
constexpr auto kLongestPoll = std::chrono::milliseconds(16);
constexpr size_t kMostLocalDirectories = 4096;
constexpr int kMostMovesHere = 16;

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.find_last_of(os::kSeparators);
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

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

// Who acquires: the calling thread, which must not wait for anything; a helper thread for a single try; or
// one for those who wait.
enum class By { kCaller, kTrier, kQueue };

class WaitQueue {
 public:
  // Never destroyed: threads may still be waiting when the process ends.
  static WaitQueue& Get() {
    static WaitQueue& instance = *new WaitQueue;
    return instance;
  }

  bool MayTryHere(const Request& request, bool barge) {
    std::lock_guard guard(mutex_);
    if (request.has_descriptor() || !IsLocal(request.path)) return false;
    if (queues_.empty()) return true;
    const std::string key = KeyOf(request);
    return queues_.count(key) == 0 || (barge && !IsLeaving(key));
  }

  bool IsKnownLocal(const std::string& path) {
    std::lock_guard guard(mutex_);
    return IsLocal(path);
  }

  std::shared_ptr<Waiter> Try(Request request, Done done) {
    auto waiter = std::make_shared<Waiter>();
    waiter->request = std::move(request);
    waiter->done = std::move(done);
    const os::Error error = os::RunOnHelperThread([this, waiter] {
      LetLeave(waiter->request);
      Outcome outcome;
      Attempt attempt;
      do {
        outcome = {};
        attempt = Acquire(waiter->request, By::kTrier, nullptr, &outcome);
      } while (IsUndecided(attempt) && waiter->pending);
      std::unique_lock guard(mutex_);
      Finish(guard, waiter, outcome);
    });
    if (error) FailLater(waiter, error);
    return waiter;
  }

  std::shared_ptr<Waiter> Wait(Request request, Done done) {
    auto waiter = std::make_shared<Waiter>();
    waiter->request = std::move(request);
    waiter->done = std::move(done);
    std::lock_guard guard(mutex_);
    const std::string key = KeyOf(waiter->request);
    auto& queue = queues_[key];
    const bool is_new = queue == nullptr;
    if (is_new) queue = std::make_unique<PathQueue>(key);
    waiter->queue = queue.get();
    waiter->position = queue->waiting.insert(queue->waiting.end(), waiter);
    if (is_new) {
      Start(queue.get());
    } else {
      left_.notify_all();
    }
    return waiter;
  }

  bool Cancel(const std::shared_ptr<Waiter>& waiter) {
    std::lock_guard guard(mutex_);
    if (!waiter->pending) return false;
    waiter->pending = false;
    waiter->done = nullptr;
    if (PathQueue* queue = waiter->queue) {
      queue->waiting.erase(waiter->position);
      waiter->queue = nullptr;
      // The wait in the kernel goes on for the next in line, unless it is for nobody or for the wrong mode
      // now.
      if (queue->waiting.empty() || queue->waiting.front()->request.spec.mode != queue->attempted) {
        queue->interrupt.Now();
      }
    }
    return true;
  }

  // Opens and locks what is asked for. With `interrupt`, waits in the kernel for a lock that is taken. After
  // kMoved or kInterrupted: look at the queue again, then try again.
  Attempt Acquire(const Request& request, By by, Interrupt* interrupt, Outcome* out) {
    const bool here = by == By::kCaller;
    os::File file;
    os::FileId id;
    Spec spec = request.spec;
    const bool must_write = spec.kind == Kind::kFcntl && spec.mode == Mode::kExclusive;
    bool local = here;
    const bool reused =
        spec.kind == Kind::kFlock && !request.has_descriptor() && TakeIdleFile(request.path, &file, &id);
    if (reused) {
      local = true;
    } else {
      if (request.has_descriptor()) {
        out->error = os::File::Duplicate(request.descriptor, &file);
        if (!out->error) out->error = file.Id(&id);
      } else {
        out->error = OpenForLock(request.path, {request.create, !here, must_write}, &file, &id);
      }
      if (out->error) return Attempt::kFailed;
      local = local || file.IsLocal();
      // A symbolic link may lead from a directory on a network to a local file; what is learned is the
      // directory.
      if (local && !here && !request.has_descriptor() && os::IsInLocalDirectory(request.path))
        Learn(request.path);
    }
    uint64_t late_grants = Interrupt::LateGrants();
    Attempt attempt = MechanismOf(spec.kind).try_lock(file, spec, &out->error);
    if (out->error.number == EINVAL && spec.kind == Kind::kFcntl && spec.start == 0 && spec.length == 0) {
      // A kernel without open file description locks (comapeo-core#995). The whole file can be locked by
      // flock as well.
      spec.kind = Kind::kFlock;
      out->error = {};
      attempt = MechanismOf(spec.kind).try_lock(file, spec, &out->error);
    }
    while (attempt == Attempt::kBusy && by == By::kTrier && Interrupt::LateGrantEnds(id, &late_grants)) {
      attempt = MechanismOf(spec.kind).try_lock(file, spec, &out->error);
    }
    if (attempt == Attempt::kBusy && reused) {
      // Busy may be the file that the path named when it was opened, and no longer does.
      bool still = false;
      out->error = StillNames(request.path, id, &still);
      if (out->error) return Attempt::kFailed;
      if (!still) return Attempt::kMoved;
    }
    if (attempt == Attempt::kBusy && interrupt != nullptr) {
      const Opened opened = request.has_descriptor() ? Opened::kByCaller : Opened::kForLock;
      attempt = interrupt->Wait(&file, opened, spec, &out->error);
    }
    if (attempt == Attempt::kBusy) out->busy = true;
    if (attempt == Attempt::kGranted && !request.has_descriptor()) {
      attempt = KeepIfNamed(request.path, id, spec, &file, &out->error);
    }
    if (attempt == Attempt::kGranted) {
      out->lock = HeldLock(std::move(file), id, request.path, spec, local);
    }
    return attempt;
  }

 private:
  enum class Step { kGoOn, kBusy, kEmpty };

  // True where the last who waited has given up, and the thread that waits in the kernel may still be granted
  // the lock before it comes out.
  bool IsLeaving(const std::string& key) const {
    const auto queue = queues_.find(key);
    return queue != queues_.end() && queue->second->waiting.empty();
  }

  // Lets such a thread come out, so that a single try does not find it in its way.
  void LetLeave(const Request& request) {
    std::unique_lock guard(mutex_);
    if (queues_.empty()) return;
    left_.wait_for(guard, kMoment, [this, key = KeyOf(request)] { return !IsLeaving(key); });
  }

  // Gives the queue to a kernel waiter, or to the poller where there are too many of those.
  void Start(PathQueue* queue) {
    if (kernel_waiters_ < kMostKernelWaiters && !os::RunOnHelperThread([this, queue] { Serve(queue); })) {
      kernel_waiters_++;
      return;
    }
    polled_.push_back(queue);
    if (!polling_) polling_ = !os::RunOnHelperThread([this] { Poll(); });
    if (!polling_) Abandon({EAGAIN, "pthread_create"});
  }

  void Serve(PathQueue* queue) {
    std::unique_lock guard(mutex_);
    while (ServeFirst(guard, queue, true) != Step::kEmpty) {
    }
    kernel_waiters_--;
  }

  void Poll() {
    std::unique_lock guard(mutex_);
    for (auto pause = kShortestPoll; !polled_.empty();) {
      bool moved = false;
      for (size_t i = 0; i < polled_.size();) {
        if (kernel_waiters_ < kMostKernelWaiters) {
          PathQueue* queue = polled_[i];
          if (!os::RunOnHelperThread([this, queue] { Serve(queue); })) {
            kernel_waiters_++;
            polled_.erase(polled_.begin() + static_cast<std::ptrdiff_t>(i));
            continue;
          }
        }
        const Step step = ServeFirst(guard, polled_[i], false);
        moved = moved || step == Step::kGoOn;
        if (step == Step::kEmpty) {
          polled_.erase(polled_.begin() + static_cast<std::ptrdiff_t>(i));
        } else {
          i++;
        }
      }
      pause = moved ? kShortestPoll : std::min(pause * 2, kLongestPoll);
      guard.unlock();
      std::this_thread::sleep_for(pause);
      guard.lock();
    }
    polling_ = false;
  }

  // One attempt for whoever is first. The queue is gone when this returns kEmpty.
  Step ServeFirst(std::unique_lock<std::mutex>& guard, PathQueue* queue, bool wait) {
    if (queue->waiting.empty()) {
      queues_.erase(queue->key);
      left_.notify_all();
      return Step::kEmpty;
    }
    const std::shared_ptr<Waiter> first = queue->waiting.front();
    queue->attempted = first->request.spec.mode;
    queue->interrupt.At(os::kNever);
    guard.unlock();
    Outcome outcome;
    const Attempt attempt = Acquire(first->request, By::kQueue, wait ? &queue->interrupt : nullptr, &outcome);
    guard.lock();
    if (IsUndecided(attempt)) return Step::kGoOn;
    if (attempt == Attempt::kBusy) return Step::kBusy;
    std::shared_ptr<Waiter> receiver = first;
    if (attempt == Attempt::kGranted) {
      // A grant may go to somebody else than it was asked for; a failure (ENOENT without create) is one's
      // own.
      if (queue->waiting.empty() || queue->waiting.front()->request.spec.mode != first->request.spec.mode) {
        receiver = nullptr;
      } else {
        receiver = queue->waiting.front();
      }
    }
    Finish(guard, receiver, outcome);
    return Step::kGoOn;
  }

  // Hands the outcome over. Where nobody waits for it any more, a lock in it is released right here.
  void Finish(std::unique_lock<std::mutex>& guard, const std::shared_ptr<Waiter>& waiter, Outcome& outcome) {
    Done done;
    if (waiter != nullptr && waiter->pending) {
      waiter->pending = false;
      if (waiter->queue != nullptr) waiter->queue->waiting.erase(waiter->position);
      waiter->queue = nullptr;
      done = std::move(waiter->done);
    }
    guard.unlock();
    if (done) {
      done(std::move(outcome));
    } else {
      outcome.lock.Release();
    }
    done = nullptr;
    guard.lock();
  }

  void FailLater(const std::shared_ptr<Waiter>& waiter, os::Error error) {
    Outcome outcome{error, false, {}};
    std::unique_lock guard(mutex_);
    Finish(guard, waiter, outcome);
  }

  // No thread at all can be had: whoever waits is told, rather than left waiting.
  void Abandon(os::Error error) {
    for (PathQueue* queue : polled_) {
      for (const auto& waiter : queue->waiting) {
        waiter->pending = false;
        waiter->queue = nullptr;
        waiter->done(Outcome{error, false, HeldLock()});
      }
      queues_.erase(queue->key);
    }
    polled_.clear();
  }

  bool IsLocal(const std::string& path) const { return local_directories_.count(DirectoryOf(path)) != 0; }

  // Remembers that the directory is on a local file system.
  void Learn(const std::string& path) {
    std::lock_guard guard(mutex_);
    if (local_directories_.size() >= kMostLocalDirectories) local_directories_.clear();
    local_directories_.insert(DirectoryOf(path));
  }

  std::mutex mutex_;
  std::condition_variable left_;  // a queue is not left any more: it is gone, or somebody waits again
  std::unordered_map<std::string, std::unique_ptr<PathQueue>> queues_;
  std::vector<PathQueue*> polled_;
  std::unordered_set<std::string> local_directories_;
  int kernel_waiters_ = 0;
  bool polling_ = false;
};

}  // namespace

std::optional<Outcome> TryHere(const Request& request, bool barge) {
  if (!WaitQueue::Get().MayTryHere(request, barge)) return std::nullopt;
  const bool any_left = Interrupt::AnyLeft();
  for (int moves = 0; moves < kMostMovesHere; moves++) {
    Outcome outcome;
    const Attempt attempt = WaitQueue::Get().Acquire(request, By::kCaller, nullptr, &outcome);
    // ELOOP: a symbolic link, which may lead to a file system that we know nothing of.
    if (outcome.error.number == ELOOP) return std::nullopt;
    // Busy may be a late grant, whose end is not waited for here.
    if (outcome.busy && any_left) return std::nullopt;
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

bool Cancel(const std::shared_ptr<Waiter>& waiter) {
  return WaitQueue::Get().Cancel(waiter);
}

bool IsKnownLocal(const std::string& path) {
  return WaitQueue::Get().IsKnownLocal(path);
}

}  // namespace holdfast::lock
