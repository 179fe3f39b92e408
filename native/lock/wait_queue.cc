#include "lock/wait_queue.h"

#include <errno.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "lock/interrupt.h"
#include "os/thread_pool.h"

namespace holdfast::lock {

// The waiters of one path, in their order.
struct PathQueue {
  explicit PathQueue(std::string path_) : path(std::move(path_)) {}
  const std::string path;
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
  const size_t slash = path.find_last_of("/\\");
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

// Opens and locks the file that the path names. With `interrupt`, waits in the kernel for a lock that is
// taken. A file that is renamed or removed in the meantime is left, and the one that the path names then is
// locked. Attempt::kInterrupted also stands for "moved": look at the queue again, then try again.
Attempt Acquire(const std::string& path, Mode mode, bool create, bool follow, Interrupt* interrupt,
                Outcome* out) {
  out->error = os::File::OpenForLock(path, create, follow, &out->file);
  if (out->error) return Attempt::kFailed;
  Attempt attempt = kFlock.try_lock(out->file, mode, &out->error);
  if (attempt == Attempt::kBusy && interrupt != nullptr) {
    attempt = interrupt->Run([&] { return kFlock.wait_lock(out->file, mode, &out->error); });
  }
  if (attempt == Attempt::kGranted && !StillNames(path, out->file)) attempt = Attempt::kInterrupted;
  if (attempt == Attempt::kBusy) out->busy = true;
  return attempt;
}

class WaitQueue {
 public:
  // Never destroyed: threads may still be waiting when the process ends.
  static WaitQueue& Get() {
    static WaitQueue& instance = *new WaitQueue;
    return instance;
  }

  bool MayTryHere(const Request& request, bool barge) {
    std::lock_guard guard(mutex_);
    return local_directories_.count(DirectoryOf(request.path)) != 0 &&
           (barge || queues_.count(request.path) == 0);
  }

  std::shared_ptr<Waiter> Try(Request request, Done done) {
    auto waiter = std::make_shared<Waiter>();
    waiter->request = std::move(request);
    waiter->done = std::move(done);
    const os::Error error = os::RunOnHelperThread([this, waiter] {
      Outcome outcome;
      Attempt attempt;
      do {
        outcome = {};
        attempt = Acquire(waiter->request.path, waiter->request.mode, waiter->request.create, true, nullptr,
                          &outcome);
      } while (attempt == Attempt::kInterrupted && waiter->pending);
      const bool local = outcome.file.is_open() && outcome.file.IsLocal();
      std::unique_lock guard(mutex_);
      if (local) Learn(waiter->request.path);
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
    auto& queue = queues_[waiter->request.path];
    const bool is_new = queue == nullptr;
    if (is_new) queue = std::make_unique<PathQueue>(waiter->request.path);
    waiter->queue = queue.get();
    waiter->position = queue->waiting.insert(queue->waiting.end(), waiter);
    if (is_new) Start(queue.get());
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
      if (queue->waiting.empty() || queue->waiting.front()->request.mode != queue->attempted) {
        queue->interrupt.Now();
      }
    }
    return true;
  }

 private:
  enum class Step { kGoOn, kBusy, kEmpty };

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
      queues_.erase(queue->path);
      return Step::kEmpty;
    }
    const std::shared_ptr<Waiter> first = queue->waiting.front();
    queue->attempted = first->request.mode;
    queue->interrupt.At(kNever);
    guard.unlock();
    Outcome outcome;
    const Attempt attempt = Acquire(queue->path, first->request.mode, first->request.create, true,
                                    wait ? &queue->interrupt : nullptr, &outcome);
    const bool local = outcome.file.is_open() && outcome.file.IsLocal();
    // Not left to the end of this function: closing a file on a network may take long, and the mutex is held
    // there.
    if (attempt == Attempt::kInterrupted || attempt == Attempt::kBusy) outcome.file.Close();
    guard.lock();
    if (local) Learn(queue->path);
    if (attempt == Attempt::kInterrupted) return Step::kGoOn;
    if (attempt == Attempt::kBusy) return Step::kBusy;
    std::shared_ptr<Waiter> receiver = first;
    if (attempt == Attempt::kGranted) {
      // A grant may go to somebody else than it was asked for; a failure (ENOENT without create) is one's
      // own.
      if (queue->waiting.empty() || queue->waiting.front()->request.mode != first->request.mode) {
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
      outcome.file.Close();
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
        waiter->done(Outcome{error, false, {}});
      }
      queues_.erase(queue->path);
    }
    polled_.clear();
  }

  // Remembers that the directory is on a local file system.
  void Learn(const std::string& path) {
    if (local_directories_.size() >= kMostLocalDirectories) local_directories_.clear();
    local_directories_.insert(DirectoryOf(path));
  }

  std::mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<PathQueue>> queues_;
  std::vector<PathQueue*> polled_;
  std::unordered_set<std::string> local_directories_;
  int kernel_waiters_ = 0;
  bool polling_ = false;
};

}  // namespace

std::optional<Outcome> TryHere(const Request& request, bool barge) {
  if (!WaitQueue::Get().MayTryHere(request, barge)) return std::nullopt;
  for (int moves = 0; moves < kMostMovesHere; moves++) {
    Outcome outcome;
    const Attempt attempt = Acquire(request.path, request.mode, request.create, false, nullptr, &outcome);
    // ELOOP: a symbolic link, which may lead to a file system that we know nothing of.
    if (outcome.error.number == ELOOP) return std::nullopt;
    if (attempt != Attempt::kInterrupted) return outcome;
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

bool StillNames(const std::string& path, const os::File& file) {
  os::FileId named, opened;
  return !os::Identify(path, &named) && !file.Id(&opened) && named == opened;
}

}  // namespace holdfast::lock
