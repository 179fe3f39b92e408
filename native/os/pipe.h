// The other end of a pipe or a socket that this process writes to.
#ifndef HOLDFAST_OS_PIPE_H_
#define HOLDFAST_OS_PIPE_H_

#include "os/file.h"

namespace holdfast::os {

// Waits until nobody can read what would be written. EINVAL: it is neither a pipe nor a socket. ENOTSUP: not
// on Windows, where only a write tells.
Error AwaitReaderGone(const File& file);

}  // namespace holdfast::os

#endif  // HOLDFAST_OS_PIPE_H_
