// The waits for locks in the kernel of Windows, those that were abandoned among them: what Interrupt and
// LateGrants share there. See interrupt_windows.cc.
#ifndef HOLDFAST_LOCK_KERNEL_WAITS_WINDOWS_H_
#define HOLDFAST_LOCK_KERNEL_WAITS_WINDOWS_H_

#include <cstdint>
#include <list>
#include <memory>

#include "lock/interrupt.h"
#include "os/mutex.h"

namespace holdfast::lock {

struct KernelWait;

class KernelWaits {
 public:
  // Never destroyed: threads may still be waiting when the process ends.
  static KernelWaits& Get();

  void SetTime(Interrupt* interrupt, os::Clock::time_point when);
  bool Due(Interrupt* interrupt);
  Attempt Wait(Interrupt* interrupt, os::File* file, Opened opened, const Spec& spec, os::Error* error);

  bool AnyAbandoned();
  // How many abandoned waits have ended.
  uint64_t LateGrantsSoFar();
  // See LateGrants::WasReleased. `seen` is what LateGrantsSoFar answered last.
  bool LateGrantEnds(const os::FileId& id, uint64_t* seen);

 private:
  using WaitPointer = std::shared_ptr<KernelWait>;

  WaitPointer TakeOver(const os::FileId& id, Opened opened, const Spec& spec) REQUIRES(Interrupt::mutex());
  void Run(const WaitPointer& wait);
  Attempt TryInTurn(Interrupt* interrupt, os::File* file, const Spec& spec, os::Error* error)
      REQUIRES(Interrupt::mutex());
  void Sleep(Interrupt* interrupt, os::Clock::time_point until) REQUIRES(Interrupt::mutex());

  std::list<WaitPointer> abandoned_ GUARDED_BY(Interrupt::mutex());
  uint64_t late_grants_ GUARDED_BY(Interrupt::mutex()) = 0;
  os::Condition late_grant_;
};

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_KERNEL_WAITS_WINDOWS_H_
