// A wait for a lock in the kernel that ends at a deadline or on demand.
//
// On Linux and macOS: flock(2) has no timeout, and the only thing that ends its wait early is a signal. So a
// private signal with an empty handler is sent to the waiting thread (OpenJDK does the same for its blocking
// file locks). One signal is not enough: it may arrive in the moment between the last check and the system
// call, and is then spent for nothing. So it is sent again and again, ever more rarely, until the thread has
// come out.
//
// The signal is a real-time signal that nobody else in the process handled when it was first needed (SIGIO on
// macOS, which has no real-time signals). It is only ever sent to threads of ours, which have every other
// signal blocked.
//
// A thread in a call that no signal ends (a hung NFS server) stays there. Whoever waits for its result must
// not wait for the thread.
//
// On Windows: see interrupt_windows.cc.
#ifndef HOLDFAST_LOCK_INTERRUPT_H_
#define HOLDFAST_LOCK_INTERRUPT_H_

#include <chrono>
#include <cstdint>

#ifdef _WIN32
#include <condition_variable>
#else
#include <pthread.h>
#endif

#include "lock/mechanism.h"
#include "lock/named_file.h"
#include "os/clock.h"
#include "os/file.h"

namespace holdfast::lock {

// So long a single try waits for a late grant to be released: longer than a thread needs to come out of the
// kernel, unless it never does (a hung NFS server).
constexpr auto kMoment = std::chrono::milliseconds(20);

class Interrupt {
 public:
  Interrupt() = default;
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Sets the time from which waits are interrupted. From any thread, before or during a wait.
  void At(os::Clock::time_point when);
  void Now() { At(os::Clock::time_point::min()); }
  // True once that time has come.
  bool Due();

  // Waits for the lock on `file`, on this thread, which must be one of os::StartThread's. After kInterrupted
  // nothing is held, and on Windows `file` is closed.
  Attempt Wait(os::File* file, Opened opened, const Spec& spec, os::Error* error);

#ifdef _WIN32
  // True where a wait was left behind: it may hold its lock for the moment between the grant and the release.
  static bool AnyLeft();
  // How many waits that were left behind have ended.
  static uint64_t LateGrants();
  // Once a lock on the file was found busy: waits for the end of such a moment. True where one has ended
  // since `seen`, so that the lock is worth another try. It may not be free all the same.
  static bool LateGrantEnds(const os::FileId& id, uint64_t* seen);
#else
  // No wait is left behind here that could be granted a lock on a local file.
  static bool AnyLeft() { return false; }
  static uint64_t LateGrants() { return 0; }
  static bool LateGrantEnds(const os::FileId&, uint64_t*) { return false; }
#endif

 private:
#ifdef _WIN32
  friend class KernelWaits;

  // Guarded by the mutex of KernelWaits.
  os::Clock::time_point when_ = os::kNever;
  std::condition_variable changed_;
#else
  friend class Signaller;

  // All of it is guarded by the Signaller's mutex.
  os::Clock::time_point when_ = os::kNever;
  os::Clock::time_point next_signal_ = os::kNever;
  os::Clock::duration pause_{};
  bool inside_ = false;
  pthread_t thread_{};
#endif
};

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_INTERRUPT_H_
