// Open file description locks, on Linux (3.15 and later) and macOS.
#include <errno.h>
#include <fcntl.h>

#include "lock/mechanism.h"
#include "os/system_calls.h"

namespace holdfast::lock {
namespace {

#ifdef F_OFD_SETLK
constexpr int kTry = F_OFD_SETLK;
constexpr int kWait = F_OFD_SETLKW;
#else
constexpr int kTry = -1;  // the system has none, and answers EINVAL
constexpr int kWait = -1;
#endif

Attempt Call(const os::File& file, int command, short type, const Spec& spec, os::Error* error) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(spec.start);
  lock.l_len = static_cast<off_t>(spec.length);
  if (os::system_calls.fcntl(file.handle(), command, &lock) == 0) return Attempt::kGranted;
  if (errno == EAGAIN || errno == EACCES) return Attempt::kBusy;
  if (errno == EINTR) return Attempt::kInterrupted;
  *error = {errno, "fcntl"};
  return Attempt::kFailed;
}

short TypeOf(Mode mode) {
  return mode == Mode::kExclusive ? F_WRLCK : F_RDLCK;
}

}  // namespace

const Mechanism kFcntl = {
    [](const os::File& file, const Spec& spec, os::Error* error) {
      return Call(file, kTry, TypeOf(spec.mode), spec, error);
    },
    [](const os::File& file, const Spec& spec, os::Error* error) {
      return Call(file, kWait, TypeOf(spec.mode), spec, error);
    },
    [](const os::File& file, const Spec& held, Mode mode, os::Error* error) {
      return Call(file, kTry, TypeOf(mode), held, error);
    },
    [](const os::File& file, const Spec& spec) {
      os::Error ignored;
      return Call(file, kTry, F_UNLCK, spec, &ignored) == Attempt::kGranted;
    },
};

}  // namespace holdfast::lock
