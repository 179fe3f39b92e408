// The thread that sends the private signal. It exists while somebody waits with a deadline, and a little
// longer.
#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "lock/interrupt.h"
#include "os/thread.h"

namespace holdfast::lock {
namespace {

constexpr os::Clock::duration kFirstPause = std::chrono::milliseconds(1);
constexpr os::Clock::duration kLongestPause = std::chrono::milliseconds(250);
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
    std::lock_guard guard(mutex_);
    interrupt->when_ = when;
    if (interrupt->inside_) Schedule(interrupt);
  }

  bool Due(Interrupt* interrupt) {
    std::lock_guard guard(mutex_);
    return interrupt->when_ <= os::Clock::now();
  }

  void Enter(Interrupt* interrupt) {
    const thread_local bool unblocked = UnblockSignal();
    static_cast<void>(unblocked);
    std::lock_guard guard(mutex_);
    interrupt->thread_ = pthread_self();
    interrupt->inside_ = true;
    interrupt->next_signal_ = os::kNever;
    waiting_.push_back(interrupt);
    Schedule(interrupt);
  }

  void Leave(Interrupt* interrupt) {
    std::lock_guard guard(mutex_);
    interrupt->inside_ = false;
    *std::find(waiting_.begin(), waiting_.end(), interrupt) = waiting_.back();
    waiting_.pop_back();
  }

 private:
  static bool UnblockSignal() {
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, TheSignal());
    return pthread_sigmask(SIG_UNBLOCK, &ours, nullptr) == 0;
  }

  void Schedule(Interrupt* interrupt) {
    if (interrupt->when_ == os::kNever) return;
    interrupt->next_signal_ = interrupt->when_;
    interrupt->pause_ = kFirstPause;
    if (!running_) {
      running_ = !os::StartThread([this] { Run(); });
    } else if (interrupt->next_signal_ < wake_) {
      changed_.notify_one();
    }
  }

  void Run() {
    std::unique_lock guard(mutex_);
    for (bool lingered = false;;) {
      const os::Clock::time_point now = os::Clock::now();
      wake_ = os::kNever;
      for (Interrupt* interrupt : waiting_) {
        if (interrupt->next_signal_ <= now) {
          pthread_kill(interrupt->thread_, TheSignal());
          interrupt->next_signal_ = now + interrupt->pause_;
          interrupt->pause_ = std::min(interrupt->pause_ * 2, kLongestPause);
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
      changed_.wait_until(guard, wake_);
    }
    running_ = false;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Interrupt*> waiting_;
  os::Clock::time_point wake_ = os::kNever;
  bool running_ = false;
};

void Interrupt::At(os::Clock::time_point when) {
  Signaller::Get().SetTime(this, when);
}
bool Interrupt::Due() {
  return Signaller::Get().Due(this);
}
Attempt Interrupt::Wait(os::File* file, Opened, const Spec& spec, os::Error* error) {
  Signaller::Get().Enter(this);
  const Attempt attempt = MechanismOf(spec.kind).wait_lock(*file, spec, error);
  Signaller::Get().Leave(this);
  return attempt;
}

}  // namespace holdfast::lock
