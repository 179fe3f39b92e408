// Threads on Linux and macOS.
#include <assert.h>
#include <pthread.h>
#include <signal.h>

#include <memory>

#include "os/system_calls.h"
#include "os/thread.h"

namespace holdfast::os {
namespace {

// Deep enough for any frame of ours, small enough that hundreds of waiting threads cost little.
constexpr size_t kStackBytes = 256 * 1024;

void* Run(void* argument) {
  std::unique_ptr<std::function<void()>> body(static_cast<std::function<void()>*>(argument));
  (*body)();
  return nullptr;
}

}  // namespace

Error StartThread(std::function<void()> body) {
  assert(body);
  auto owned = std::make_unique<std::function<void()>>(std::move(body));
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);

  // A new thread inherits the signal mask. With everything blocked, a signal to the process is handled by the
  // threads that handled it before we came.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const int failure = system_calls.pthread_create(&thread, &attributes, Run, owned.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (failure != 0) return {failure, "pthread_create"};
  owned.release();
  return {};
}

}  // namespace holdfast::os
