// Helper threads for calls that may block for long. They are ours, never libuv's: a blocked lock call must
// not take one of the four threads that every fs, dns and crypto call of the process shares.
#ifndef HOLDFAST_OS_THREAD_POOL_H_
#define HOLDFAST_OS_THREAD_POOL_H_

#include <functional>

#include "os/file.h"

namespace holdfast::os {

// Runs `job` on a helper thread: an idle one if there is one, else a new one. Nothing queues behind a blocked
// job; callers bound how many they start. Idle threads end after a second.
Error RunOnHelperThread(std::function<void()> job);

}  // namespace holdfast::os

#endif  // HOLDFAST_OS_THREAD_POOL_H_
