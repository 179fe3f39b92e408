// Threads of our own: small stacks, and deaf to the signals of the host program.
#ifndef HOLDFAST_OS_THREAD_H_
#define HOLDFAST_OS_THREAD_H_

#include <functional>

#include "os/file.h"

namespace holdfast::os {

// Runs `body` on a new detached thread. Fails with EAGAIN if the system refuses another one.
Error StartThread(std::function<void()> body);

}  // namespace holdfast::os

#endif  // HOLDFAST_OS_THREAD_H_
