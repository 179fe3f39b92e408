// Gets a thread out of a blocking lock call, at a deadline or on demand.
//
// flock(2) has no timeout, and the only thing that ends its wait early is a signal. So a private signal with
// an empty handler is sent to the waiting thread (OpenJDK does the same for its blocking file locks). One
// signal is not enough: it may arrive in the moment between the last check and the system call, and is then
// spent for nothing. So it is sent again and again, ever more rarely, until the thread has come out.
//
// The signal is a real-time signal that nobody else in the process handled when it was first needed (SIGIO on
// macOS, which has no real-time signals). It is only ever sent to threads of ours, which have every other
// signal blocked.
//
// A thread in a call that no signal ends (a hung NFS server) stays there. Whoever waits for its result must
// not wait for the thread.
#ifndef HOLDFAST_LOCK_INTERRUPT_H_
#define HOLDFAST_LOCK_INTERRUPT_H_

#include <chrono>

#ifndef _WIN32
#include <pthread.h>
#endif

namespace holdfast::lock {

using Clock = std::chrono::steady_clock;

// "No deadline".
constexpr Clock::time_point kNever = Clock::time_point::max();

class Interrupt {
 public:
  Interrupt() = default;
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Sets the time from which calls are interrupted. From any thread, before or while a call runs.
  void At(Clock::time_point when);
  void Now() { At(Clock::time_point::min()); }
  // True once that time has come.
  bool Due();

  // Runs `call` on this thread, which must be one of os::StartThread's; it must return when a signal
  // interrupts it.
  template <typename Call>
  auto Run(Call call) {
    Enter();
    auto result = call();
    Leave();
    return result;
  }

 private:
  friend class Signaller;
  void Enter();
  void Leave();

  // All of it is guarded by the Signaller's mutex.
  Clock::time_point when_ = kNever;
  Clock::time_point next_signal_ = kNever;
  Clock::duration pause_{};
  bool inside_ = false;
#ifndef _WIN32
  pthread_t thread_{};
#endif
};

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_INTERRUPT_H_
