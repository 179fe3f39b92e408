// One way of locking a file. Each mechanism of the operating system fills this interface in a file of its
// own.
#ifndef HOLDFAST_LOCK_MECHANISM_H_
#define HOLDFAST_LOCK_MECHANISM_H_

#include "os/file.h"

namespace holdfast::lock {

enum class Mode { kShared, kExclusive };

// What an attempt came to. kBusy: somebody else holds it. kInterrupted: a signal ended the wait, nothing is
// held.
enum class Attempt { kGranted, kBusy, kInterrupted, kFailed };

struct Mechanism {
  // One try, without waiting. On an open file that already holds the lock, changes its mode.
  Attempt (*try_lock)(const os::File& file, Mode mode, os::Error* error);
  // Waits in the kernel until the lock is granted or a signal arrives.
  Attempt (*wait_lock)(const os::File& file, Mode mode, os::Error* error);
  void (*unlock)(const os::File& file);
};

// flock(2): the lock belongs to the open file description, so it excludes other opens of the same process
// too, and goes when the last descriptor of it is closed, which the kernel does for a process that dies.
extern const Mechanism kFlock;

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_MECHANISM_H_
