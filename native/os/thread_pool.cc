#include "os/thread_pool.h"

#include <chrono>
#include <deque>

#include "os/mutex.h"
#include "os/thread.h"

namespace holdfast::os {
namespace {

constexpr auto kLinger = std::chrono::seconds(1);

class ThreadPool {
 public:
  Error Run(std::function<void()> job) {
    {
      MutexLock guard(mutex_);
      jobs_.push_back(std::move(job));
      if (jobs_.size() > idle_) {
        Error error = StartThread([this] { Work(); });
        if (error) jobs_.pop_back();
        return error;
      }
    }
    ready_.NotifyOne();  // without the mutex, for which the thread would wait at once
    return {};
  }

 private:
  void Work() {
    MutexLock guard(mutex_);
    for (;;) {
      idle_++;
      const bool found =
          ready_.WaitFor(mutex_, kLinger, [this]() REQUIRES(mutex_) { return !jobs_.empty(); });
      idle_--;
      if (!found) return;
      std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      MutexUnlock unlocked(mutex_);
      job();
      job = nullptr;
    }
  }

  Mutex mutex_;
  Condition ready_;
  std::deque<std::function<void()>> jobs_ GUARDED_BY(mutex_);
  size_t idle_ GUARDED_BY(mutex_) = 0;
};

}  // namespace

Error RunOnHelperThread(std::function<void()> job) {
  // Never destroyed: helper threads may still be blocked when the process ends.
  static ThreadPool& pool = *new ThreadPool;
  return pool.Run(std::move(job));
}

}  // namespace holdfast::os
