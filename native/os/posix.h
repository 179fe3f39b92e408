// What the POSIX files share: failures by errno, calls that a signal interrupts, and opening a descriptor.
#ifndef HOLDFAST_OS_POSIX_H_
#define HOLDFAST_OS_POSIX_H_

#include <errno.h>
#include <sys/types.h>

#include <string>

#include "os/file.h"
#include "os/system_calls.h"

namespace holdfast::os {

// The call of this thread that just failed.
inline Error Failed(const char* syscall) {
  return {errno, syscall};
}

// Calls again after a signal of the host program.
template <typename Call>
auto Retry(Call call) {
  decltype(call()) result;
  do result = call();
  while (result == -1 && errno == EINTR);
  return result;
}

// Opens a descriptor that no child process inherits, and that never becomes the controlling terminal.
Error Open(const std::string& path, int flags, File* out, mode_t mode = 0666);

// How many symbolic links Linux follows for one path (path_resolution(7)); macOS follows fewer.
constexpr int kMaxLinks = 40;

// Makes `path` what the symbolic link leads to that it names (EINVAL: it is none).
Error FollowLink(std::string* path);

// Makes `path` what it names after the symbolic links that its last part may be, whether that exists or not.
Error FollowLinks(std::string* path);

// True for a file system of this machine, whose calls do not hang on a network. Unknown kinds count as
// remote.
bool IsLocalFileSystem(const struct statfs& status);

#ifdef __linux__
// Writes that the kernel could not carry out later are told of once to each file that was open then, by the
// next sync of it (errseq_t, since Linux 4.14). LostWrite asks for that without a sync. Only file systems of
// which this is known say yes; one that stands upon another may not know.
bool TellsOfLostWrites(const File& file);
Error LostWrite(const File& file);
#endif

}  // namespace holdfast::os

#endif  // HOLDFAST_OS_POSIX_H_
