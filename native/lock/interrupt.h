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

#ifndef _WIN32
#include <pthread.h>
#endif

#include "lock/mechanism.h"
#include "lock/named_file.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/mutex.h"

namespace holdfast::lock {

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

  // Guards the state of all interrupts and of what ends their waits. Never destroyed, because threads may
  // still be waiting when the process ends.
  static os::Mutex& mutex();

 private:
#ifdef _WIN32
  friend class KernelWaits;

  os::Clock::time_point when_ GUARDED_BY(mutex()) = os::kNever;
  os::Condition changed_;
#else
  friend class Signaller;

  os::Clock::time_point when_ GUARDED_BY(mutex()) = os::kNever;
  os::Clock::time_point next_signal_ GUARDED_BY(mutex()) = os::kNever;
  os::Clock::duration pause_ GUARDED_BY(mutex()){};
  bool inside_ GUARDED_BY(mutex()) = false;
  pthread_t thread_ GUARDED_BY(mutex()){};
#endif
};

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_INTERRUPT_H_
