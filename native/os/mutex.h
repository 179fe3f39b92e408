// std::mutex and std::condition_variable, with the annotations that libstdc++ lacks, so that clang checks
// what is GUARDED_BY a mutex (LevelDB's port::Mutex and port::CondVar do the same).
//
// Three things that clang asks for. A lambda that reads guarded members says so itself:
//
//   condition.Wait(mutex_, [this]() REQUIRES(mutex_) { return !jobs_.empty(); });
//
// A function that is called under the mutex names it in REQUIRES, and is handed no lock. And to let go of the
// mutex for a while, it uses a MutexUnlock, which takes it again however its scope is left.
#ifndef HOLDFAST_OS_MUTEX_H_
#define HOLDFAST_OS_MUTEX_H_

#include <condition_variable>
#include <mutex>

#include "os/clock.h"
#include "os/thread_annotations.h"

namespace holdfast::os {

class CAPABILITY("mutex") Mutex {
 public:
  void Lock() ACQUIRE() { mutex_.lock(); }
  void Unlock() RELEASE() { mutex_.unlock(); }

 private:
  friend class Condition;
  std::mutex mutex_;
};

// Holds the mutex until the end of its scope.
class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() RELEASE() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Lets go of a mutex that is held, until the end of its scope.
class SCOPED_CAPABILITY MutexUnlock {
 public:
  explicit MutexUnlock(Mutex& mutex) RELEASE(mutex) : mutex_(mutex) { mutex_.Unlock(); }
  ~MutexUnlock() RELEASE() { mutex_.Lock(); }  // clang's word for it, although it acquires
  MutexUnlock(const MutexUnlock&) = delete;
  MutexUnlock& operator=(const MutexUnlock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits for what another thread does under the same mutex. Without a predicate, a wait may also end without a
// notification, as that of std::condition_variable.
class Condition {
 public:
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

  void Wait(Mutex& mutex) REQUIRES(mutex) {
    Adopted lock(mutex);
    condition_.wait(lock.held);
  }
  template <typename Predicate>
  void Wait(Mutex& mutex, Predicate predicate) REQUIRES(mutex) {
    Adopted lock(mutex);
    condition_.wait(lock.held, predicate);
  }

  void WaitUntil(Mutex& mutex, Clock::time_point deadline) REQUIRES(mutex) {
    Adopted lock(mutex);
    condition_.wait_until(lock.held, deadline);
  }

  // False: the time is over, and the predicate is still false.
  template <typename Predicate>
  bool WaitFor(Mutex& mutex, Clock::duration time, Predicate predicate) REQUIRES(mutex) {
    Adopted lock(mutex);
    return condition_.wait_for(lock.held, time, predicate);
  }

 private:
  // The lock that std::condition_variable asks for, of a mutex that is held already and stays so.
  struct Adopted {
    explicit Adopted(Mutex& mutex) : held(mutex.mutex_, std::adopt_lock) {}
    ~Adopted() { held.release(); }
    std::unique_lock<std::mutex> held;
  };

  std::condition_variable condition_;
};

}  // namespace holdfast::os

#endif  // HOLDFAST_OS_MUTEX_H_
