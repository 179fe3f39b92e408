// flock(2), on Linux and macOS.
#include <errno.h>
#include <sys/file.h>

#include "lock/mechanism.h"
#include "os/system_calls.h"

namespace holdfast::lock {
namespace {

int Operation(Mode mode) {
  return mode == Mode::kExclusive ? LOCK_EX : LOCK_SH;
}

Attempt Call(const os::File& file, int operation, os::Error* error) {
  if (os::system_calls.flock(file.handle(), operation) == 0) return Attempt::kGranted;
  if (errno == EWOULDBLOCK) return Attempt::kBusy;
  if (errno == EINTR) return Attempt::kInterrupted;
  *error = {errno, "flock"};
  return Attempt::kFailed;
}

}  // namespace

const Mechanism kFlock = {
    [](const os::File& file, const Spec& spec, os::Error* error) {
      return Call(file, Operation(spec.mode) | LOCK_NB, error);
    },
    [](const os::File& file, const Spec& spec, os::Error* error) {
      return Call(file, Operation(spec.mode), error);
    },
    [](const os::File& file, const Spec&, Mode mode, os::Error* error) {
      return Call(file, Operation(mode) | LOCK_NB, error);
    },
    [](const os::File& file, const Spec&) { return os::system_calls.flock(file.handle(), LOCK_UN) == 0; },
};

}  // namespace holdfast::lock
