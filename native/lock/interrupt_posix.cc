// The thread that sends the private signal. It exists while somebody waits with a deadline, and a little
// longer.
#include <assert.h>
#include <signal.h>

#include <algorithm>
#include <vector>

#include "lock/interrupt.h"
#include "os/mutex.h"
#include "os/thread.h"

namespace holdfast::lock {
namespace {

constexpr os::Clock::duration kMinPause = std::chrono::milliseconds(1);
constexpr os::Clock::duration kMaxPause = std::chrono::milliseconds(250);
constexpr os::Clock::duration kLinger = std::chrono::seconds(5);

// The first signal of the candidates that is still at its default, with an empty handler installed.
int ClaimSignal() {
  const auto claim = [](int number) {
    struct sigaction now = {};
    if (sigaction(number, nullptr, &now) != 0 || (now.sa_flags & SA_SIGINFO) != 0) return false;
    if (now.sa_handler != SIG_DFL) return false;
    struct sigaction ours = {};
    ours.sa_handler = [](int) {};
    sigfillset(&ours.sa_mask);  // and no SA_RESTART: the call is to fail with EINTR
    return sigaction(number, &ours, nullptr) == 0;
  };
#ifdef __linux__
  for (int number = SIGRTMAX - 3; number > SIGRTMIN; number--) {
    if (claim(number)) return number;
  }
#endif
  return claim(SIGIO) ? SIGIO : SIGURG;
}

int TheSignal() {
  static const int number = ClaimSignal();
  return number;
}

}  // namespace

class Signaller {
 public:
  // Never destroyed: threads may still be waiting when the process ends.
  static Signaller& Get() {
    static Signaller& instance = *new Signaller;
    return instance;
  }

  void SetTime(Interrupt* interrupt, os::Clock::time_point when) {
    os::MutexLock guard(Interrupt::mutex());
    interrupt->when_ = when;
    if (interrupt->inside_) Schedule(interrupt);
  }

  bool Due(Interrupt* interrupt) {
    os::MutexLock guard(Interrupt::mutex());
    return interrupt->when_ <= os::Clock::now();
  }

  void Enter(Interrupt* interrupt) {
    const thread_local bool unblocked = UnblockSignal();
    static_cast<void>(unblocked);
    os::MutexLock guard(Interrupt::mutex());
    assert(!interrupt->inside_);
    interrupt->thread_ = pthread_self();
    interrupt->inside_ = true;
    interrupt->next_signal_ = os::kNever;
    waiting_.push_back(interrupt);
    Schedule(interrupt);
  }

  void Leave(Interrupt* interrupt) {
    os::MutexLock guard(Interrupt::mutex());
    interrupt->inside_ = false;
    const auto found = std::find(waiting_.begin(), waiting_.end(), interrupt);
    assert(found != waiting_.end());
    *found = waiting_.back();
    waiting_.pop_back();
  }

 private:
  static bool UnblockSignal() {
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, TheSignal());
    return pthread_sigmask(SIG_UNBLOCK, &ours, nullptr) == 0;
  }

  void Schedule(Interrupt* interrupt) REQUIRES(Interrupt::mutex()) {
    if (interrupt->when_ == os::kNever) return;
    interrupt->next_signal_ = interrupt->when_;
    interrupt->pause_ = kMinPause;
    if (!running_) {
      running_ = !os::StartThread([this] { Run(); });
    } else if (interrupt->next_signal_ < wake_) {
      changed_.NotifyOne();
    }
  }

  void Run() {
    os::MutexLock guard(Interrupt::mutex());
    for (bool lingered = false;;) {
      const os::Clock::time_point now = os::Clock::now();
      wake_ = os::kNever;
      for (Interrupt* interrupt : waiting_) {
        if (interrupt->next_signal_ <= now) {
          pthread_kill(interrupt->thread_, TheSignal());
          interrupt->next_signal_ = now + interrupt->pause_;
          interrupt->pause_ = std::min(interrupt->pause_ * 2, kMaxPause);
        }
        wake_ = std::min(wake_, interrupt->next_signal_);
      }
      if (wake_ == os::kNever) {
        if (lingered) break;
        wake_ = now + kLinger;
        lingered = true;
      } else {
        lingered = false;
      }
      changed_.WaitUntil(Interrupt::mutex(), wake_);
    }
    running_ = false;
  }

  os::Condition changed_;
  std::vector<Interrupt*> waiting_ GUARDED_BY(Interrupt::mutex());
  os::Clock::time_point wake_ GUARDED_BY(Interrupt::mutex()) = os::kNever;
  bool running_ GUARDED_BY(Interrupt::mutex()) = false;
};

os::Mutex& Interrupt::mutex() {
  static os::Mutex& instance = *new os::Mutex;
  return instance;
}
void Interrupt::At(os::Clock::time_point when) {
  Signaller::Get().SetTime(this, when);
}
bool Interrupt::Due() {
  return Signaller::Get().Due(this);
}
Attempt Interrupt::Wait(os::File* file, Opened, const Spec& spec, os::Error* error) {
  assert(file->is_open());
  Signaller::Get().Enter(this);
  const Attempt attempt = MechanismOf(spec.kind).wait_lock(*file, spec, error);
  Signaller::Get().Leave(this);
  return attempt;
}

}  // namespace holdfast::lock
