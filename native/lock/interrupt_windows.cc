// Windows can wait for a lock in the kernel (LockFileEx on a file without overlapped I/O), and what could end
// that wait from outside (CancelSynchronousIo) is not available everywhere. So nothing ends it: another
// thread makes the call, and whoever runs out of time abandons the wait, together with its file.
//
// An abandoned wait is taken over by the next who waits for the same lock, with its place in the kernel's
// queue. So there is never more than one for each thing that can be locked. If it is granted while nobody
// wants it, the lock is released at once, and whoever tries the lock in this process waits until that is done
// (LateGrants).
//
// Two cases are polled instead, ever more rarely: a file that was opened by the caller, because the kernel
// lets nobody else use an open file while a call like this waits in it; and any lock while too many waits are
// abandoned.
#include <assert.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "lock/interrupt.h"
#include "lock/kernel_waits_windows.h"
#include "lock/late_grants.h"
#include "os/thread_pool.h"

namespace holdfast::lock {
namespace {

constexpr size_t kMaxAbandoned = 64;
constexpr os::Clock::duration kMinPause = std::chrono::milliseconds(1);
constexpr os::Clock::duration kMaxPause = std::chrono::milliseconds(16);

}  // namespace

// One call of wait_lock, on a thread of its own.
struct KernelWait {
  os::File file;
  os::FileId id;
  Opened opened;
  Spec spec;
  Attempt attempt = Attempt::kInterrupted;
  os::Error error;
  bool ended = false;
  os::Condition* wanted = nullptr;  // of whoever waits for it; null: it is abandoned

  bool IsFor(const os::FileId& id_, Opened opened_, const Spec& spec_) const {
    return id == id_ && opened == opened_ && spec.kind == spec_.kind && spec.mode == spec_.mode &&
           spec.start == spec_.start && spec.length == spec_.length;
  }
};

KernelWaits& KernelWaits::Get() {
  static KernelWaits& instance = *new KernelWaits;
  return instance;
}

void KernelWaits::SetTime(Interrupt* interrupt, os::Clock::time_point when) {
  os::MutexLock guard(Interrupt::mutex());
  interrupt->when_ = when;
  interrupt->changed_.NotifyAll();
}

bool KernelWaits::Due(Interrupt* interrupt) {
  os::MutexLock guard(Interrupt::mutex());
  return interrupt->when_ <= os::Clock::now();
}

Attempt KernelWaits::Wait(Interrupt* interrupt, os::File* file, Opened opened, const Spec& spec,
                          os::Error* error) {
  assert(file->is_open());
  os::FileId id;
  if ((*error = file->Id(&id))) return Attempt::kFailed;
  os::MutexLock guard(Interrupt::mutex());
  std::shared_ptr<KernelWait> wait = opened == Opened::kByCaller ? nullptr : TakeOver(id, opened, spec);
  if (wait == nullptr) {
    if (opened == Opened::kByCaller || abandoned_.size() >= kMaxAbandoned) {
      return TryInTurn(interrupt, file, spec, error);
    }
    wait = std::make_shared<KernelWait>();
    wait->file = std::move(*file);
    wait->id = id;
    wait->opened = opened;
    wait->spec = spec;
    if ((*error = os::RunOnHelperThread([this, wait] { Run(wait); }))) return Attempt::kFailed;
  }
  file->Close();
  wait->wanted = &interrupt->changed_;
  while (!wait->ended && os::Clock::now() < interrupt->when_) Sleep(interrupt, interrupt->when_);
  wait->wanted = nullptr;
  if (!wait->ended) {
    abandoned_.push_back(std::move(wait));
    return Attempt::kInterrupted;
  }
  *file = std::move(wait->file);
  *error = wait->error;
  return wait->attempt;
}

bool KernelWaits::AnyAbandoned() {
  os::MutexLock guard(Interrupt::mutex());
  return !abandoned_.empty();
}

uint64_t KernelWaits::LateGrantsSoFar() {
  os::MutexLock guard(Interrupt::mutex());
  return late_grants_;
}

bool KernelWaits::LateGrantEnds(const os::FileId& id, uint64_t* seen) {
  os::MutexLock guard(Interrupt::mutex());
  const auto is_abandoned = [&]() REQUIRES(Interrupt::mutex()) {
    return std::any_of(abandoned_.begin(), abandoned_.end(),
                       [&](const auto& wait) { return wait->id == id; });
  };
  if (late_grants_ == *seen && is_abandoned()) {
    late_grant_.WaitFor(Interrupt::mutex(), kLateGrantGrace,
                        [&]() REQUIRES(Interrupt::mutex()) { return late_grants_ != *seen; });
  }
  return std::exchange(*seen, late_grants_) != late_grants_;
}

KernelWaits::WaitPointer KernelWaits::TakeOver(const os::FileId& id, Opened opened, const Spec& spec) {
  const auto found = std::find_if(abandoned_.begin(), abandoned_.end(),
                                  [&](const auto& wait) { return wait->IsFor(id, opened, spec); });
  if (found == abandoned_.end()) return nullptr;
  std::shared_ptr<KernelWait> wait = std::move(*found);
  abandoned_.erase(found);
  return wait;
}

void KernelWaits::Run(const std::shared_ptr<KernelWait>& wait) {
  os::Error error;
  const Attempt attempt = MechanismOf(wait->spec.kind).wait_lock(wait->file, wait->spec, &error);
  os::MutexLock guard(Interrupt::mutex());
  wait->attempt = attempt;
  wait->error = error;
  wait->ended = true;
  if (wait->wanted != nullptr) {
    wait->wanted->NotifyAll();
    return;
  }
  if (attempt == Attempt::kGranted) MechanismOf(wait->spec.kind).unlock(wait->file, wait->spec);
  wait->file.Close();
  abandoned_.remove(wait);
  late_grants_++;
  late_grant_.NotifyAll();
}

Attempt KernelWaits::TryInTurn(Interrupt* interrupt, os::File* file, const Spec& spec, os::Error* error) {
  for (auto pause = kMinPause;; pause = std::min(pause * 2, kMaxPause)) {
    const os::Clock::time_point now = os::Clock::now();
    if (now >= interrupt->when_) return Attempt::kInterrupted;
    Sleep(interrupt, std::min(interrupt->when_, now + pause));
    Attempt attempt;
    {
      os::MutexUnlock unlocked(Interrupt::mutex());
      attempt = MechanismOf(spec.kind).try_lock(*file, spec, error);
    }
    if (attempt != Attempt::kBusy) return attempt;
  }
}

void KernelWaits::Sleep(Interrupt* interrupt, os::Clock::time_point until) {
  if (until == os::kNever) {
    interrupt->changed_.Wait(Interrupt::mutex());
  } else {
    interrupt->changed_.WaitUntil(Interrupt::mutex(), until);
  }
}

os::Mutex& Interrupt::mutex() {
  static os::Mutex& instance = *new os::Mutex;
  return instance;
}
void Interrupt::At(os::Clock::time_point when) {
  KernelWaits::Get().SetTime(this, when);
}
bool Interrupt::Due() {
  return KernelWaits::Get().Due(this);
}
Attempt Interrupt::Wait(os::File* file, Opened opened, const Spec& spec, os::Error* error) {
  return KernelWaits::Get().Wait(this, file, opened, spec, error);
}

}  // namespace holdfast::lock
