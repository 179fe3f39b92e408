#include "os/thread_pool.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "os/thread.h"

namespace holdfast::os {
namespace {

constexpr auto kLinger = std::chrono::seconds(1);

class ThreadPool {
 public:
  Error Run(std::function<void()> job) {
    std::lock_guard guard(mutex_);
    jobs_.push_back(std::move(job));
    if (jobs_.size() <= idle_) {
      ready_.notify_one();
      return {};
    }
    Error error = StartThread([this] { Work(); });
    if (error) jobs_.pop_back();
    return error;
  }

 private:
  void Work() {
    std::unique_lock guard(mutex_);
    for (;;) {
      idle_++;
      const bool found = ready_.wait_for(guard, kLinger, [this] { return !jobs_.empty(); });
      idle_--;
      if (!found) return;
      std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      guard.unlock();
      job();
      job = nullptr;
      guard.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> jobs_;
  size_t idle_ = 0;
};

}  // namespace

Error RunOnHelperThread(std::function<void()> job) {
  // Never destroyed: helper threads may still be blocked when the process ends.
  static ThreadPool& pool = *new ThreadPool;
  return pool.Run(std::move(job));
}

}  // namespace holdfast::os
