#include <errno.h>
#include <poll.h>
#include <sys/stat.h>

#include "os/pipe.h"
#include "os/posix.h"
#include "os/system_calls.h"

namespace holdfast::os {

Error AwaitReaderGone(const File& file) {
  struct stat status;
  if (system_calls.fstat(file.handle(), &status) != 0) return Failed("fstat");
  if (!S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode)) return {EINVAL, "poll"};
  // Asks for nothing: POLLERR and POLLHUP are always told.
  struct pollfd polled = {};
  polled.fd = file.handle();
  return Retry([&] { return system_calls.poll(&polled, 1, -1); }) == -1 ? Failed("poll") : Error{};
}

}  // namespace holdfast::os
