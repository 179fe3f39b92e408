// Threads on Windows.
#include <errno.h>
#include <process.h>

#include <memory>

#include "os/thread.h"
#include "os/windows.h"

namespace holdfast::os {
namespace {

// As in thread_posix.cc.
constexpr unsigned kStackBytes = 256 * 1024;

unsigned __stdcall Run(void* argument) {
  std::unique_ptr<std::function<void()>> body(static_cast<std::function<void()>*>(argument));
  (*body)();
  return 0;
}

}  // namespace

Error StartThread(std::function<void()> body) {
  auto owned = std::make_unique<std::function<void()>>(std::move(body));
  const uintptr_t thread =
      ::_beginthreadex(nullptr, kStackBytes, Run, owned.get(), STACK_SIZE_PARAM_IS_A_RESERVATION, nullptr);
  if (thread == 0) return {EAGAIN, "_beginthreadex"};
  owned.release();
  ::CloseHandle(reinterpret_cast<HANDLE>(thread));
  return {};
}

}  // namespace holdfast::os
