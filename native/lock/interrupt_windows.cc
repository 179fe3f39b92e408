// Windows can wait for a lock in the kernel (LockFileEx on a file without overlapped I/O), and what could end
// that wait from outside (CancelSynchronousIo) is not to be had everywhere. So nothing ends it: another
// thread makes the call, and whoever runs out of time leaves it behind, with the file.
//
// A wait that was left is taken over by the next who waits for the same lock, who then has its place in the
// kernel's queue, too. So there is never more than one for each thing that can be locked. If it is granted
// while nobody wants it, the lock is released at once, and whoever tries the lock in this process lets that
// moment pass.
//
// Two cases are tried in turn instead, ever more rarely: a file that was opened by the caller, because the
// kernel lets nobody else use an open file while a call like this waits in it; and a lock that comes when too
// many waits were left.
#include <algorithm>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

#include "lock/interrupt.h"
#include "os/thread_pool.h"

namespace holdfast::lock {
namespace {

constexpr size_t kMostLeft = 64;
constexpr os::Clock::duration kShortestPause = std::chrono::milliseconds(1);
constexpr os::Clock::duration kLongestPause = std::chrono::milliseconds(16);

// One call of wait_lock, on a thread of its own.
struct KernelWait {
  os::File file;
  os::FileId id;
  Opened opened;
  Spec spec;
  Attempt attempt = Attempt::kInterrupted;
  os::Error error;
  bool ended = false;
  std::condition_variable* wanted = nullptr;  // who waits for it; nobody: it was left

  bool IsFor(const os::FileId& id_, Opened opened_, const Spec& spec_) const {
    return id == id_ && opened == opened_ && spec.kind == spec_.kind && spec.mode == spec_.mode &&
           spec.start == spec_.start && spec.length == spec_.length;
  }
};

}  // namespace

class KernelWaits {
 public:
  // Never destroyed: threads may still be waiting when the process ends.
  static KernelWaits& Get() {
    static KernelWaits& instance = *new KernelWaits;
    return instance;
  }

  void SetTime(Interrupt* interrupt, os::Clock::time_point when) {
    std::lock_guard guard(mutex_);
    interrupt->when_ = when;
    interrupt->changed_.notify_all();
  }

  bool Due(Interrupt* interrupt) {
    std::lock_guard guard(mutex_);
    return interrupt->when_ <= os::Clock::now();
  }

  Attempt Wait(Interrupt* interrupt, os::File* file, Opened opened, const Spec& spec, os::Error* error) {
    os::FileId id;
    if ((*error = file->Id(&id))) return Attempt::kFailed;
    std::unique_lock guard(mutex_);
    std::shared_ptr<KernelWait> wait = opened == Opened::kByCaller ? nullptr : TakeOver(id, opened, spec);
    if (wait == nullptr) {
      if (opened == Opened::kByCaller || left_.size() >= kMostLeft) {
        return TryInTurn(guard, interrupt, file, spec, error);
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
    while (!wait->ended && os::Clock::now() < interrupt->when_) Sleep(guard, interrupt, interrupt->when_);
    wait->wanted = nullptr;
    if (!wait->ended) {
      left_.push_back(std::move(wait));
      return Attempt::kInterrupted;
    }
    *file = std::move(wait->file);
    *error = wait->error;
    return wait->attempt;
  }

  bool AnyLeft() {
    std::lock_guard guard(mutex_);
    return !left_.empty();
  }

  uint64_t LateGrants() {
    std::lock_guard guard(mutex_);
    return late_grants_;
  }

  bool LateGrantEnds(const os::FileId& id, uint64_t* seen) {
    std::unique_lock guard(mutex_);
    const auto is_left = [&] {
      return std::any_of(left_.begin(), left_.end(), [&](const auto& wait) { return wait->id == id; });
    };
    if (late_grants_ == *seen && is_left()) {
      late_grant_.wait_for(guard, kMoment, [&] { return late_grants_ != *seen; });
    }
    return std::exchange(*seen, late_grants_) != late_grants_;
  }

 private:
  std::shared_ptr<KernelWait> TakeOver(const os::FileId& id, Opened opened, const Spec& spec) {
    const auto found = std::find_if(left_.begin(), left_.end(),
                                    [&](const auto& wait) { return wait->IsFor(id, opened, spec); });
    if (found == left_.end()) return nullptr;
    std::shared_ptr<KernelWait> wait = std::move(*found);
    left_.erase(found);
    return wait;
  }

  void Run(const std::shared_ptr<KernelWait>& wait) {
    os::Error error;
    const Attempt attempt = MechanismOf(wait->spec.kind).wait_lock(wait->file, wait->spec, &error);
    std::lock_guard guard(mutex_);
    wait->attempt = attempt;
    wait->error = error;
    wait->ended = true;
    if (wait->wanted != nullptr) {
      wait->wanted->notify_all();
      return;
    }
    if (attempt == Attempt::kGranted) MechanismOf(wait->spec.kind).unlock(wait->file, wait->spec);
    wait->file.Close();
    left_.remove(wait);
    late_grants_++;
    late_grant_.notify_all();
  }

  Attempt TryInTurn(std::unique_lock<std::mutex>& guard, Interrupt* interrupt, os::File* file,
                    const Spec& spec, os::Error* error) {
    for (auto pause = kShortestPause;; pause = std::min(pause * 2, kLongestPause)) {
      const os::Clock::time_point now = os::Clock::now();
      if (now >= interrupt->when_) return Attempt::kInterrupted;
      Sleep(guard, interrupt, std::min(interrupt->when_, now + pause));
      guard.unlock();
      const Attempt attempt = MechanismOf(spec.kind).try_lock(*file, spec, error);
      guard.lock();
      if (attempt != Attempt::kBusy) return attempt;
    }
  }

  void Sleep(std::unique_lock<std::mutex>& guard, Interrupt* interrupt, os::Clock::time_point until) {
    if (until == os::kNever) {
      interrupt->changed_.wait(guard);
    } else {
      interrupt->changed_.wait_until(guard, until);
    }
  }

  std::mutex mutex_;
  std::list<std::shared_ptr<KernelWait>> left_;
  uint64_t late_grants_ = 0;
  std::condition_variable late_grant_;
};

void Interrupt::At(os::Clock::time_point when) {
  KernelWaits::Get().SetTime(this, when);
}
bool Interrupt::Due() {
  return KernelWaits::Get().Due(this);
}
Attempt Interrupt::Wait(os::File* file, Opened opened, const Spec& spec, os::Error* error) {
  return KernelWaits::Get().Wait(this, file, opened, spec, error);
}

bool Interrupt::AnyLeft() {
  return KernelWaits::Get().AnyLeft();
}
uint64_t Interrupt::LateGrants() {
  return KernelWaits::Get().LateGrants();
}
bool Interrupt::LateGrantEnds(const os::FileId& id, uint64_t* seen) {
  return KernelWaits::Get().LateGrantEnds(id, seen);
}

}  // namespace holdfast::lock
