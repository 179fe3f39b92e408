// Late grants: locks that the kernel grants to a wait which this process has abandoned. They are released at
// once, but until then whoever tries such a lock finds it busy although nobody holds it.
//
// On Linux and macOS a signal ends an abandoned wait for a lock on a local file, so none is granted there. On
// Windows nothing ends one; see interrupt_windows.cc.
#ifndef HOLDFAST_LOCK_LATE_GRANTS_H_
#define HOLDFAST_LOCK_LATE_GRANTS_H_

#include <chrono>
#include <cstdint>

#include "os/file.h"

namespace holdfast::lock {

// How long a single try waits for an abandoned wait to release a lock that it was granted late: longer than a
// thread needs to come out of the kernel, unless it never does (a hung NFS server).
constexpr auto kLateGrantGrace = std::chrono::milliseconds(20);

// The late grants that one try of a lock may meet. Made before the try.
class LateGrants {
 public:
#ifdef _WIN32
  LateGrants();

  // True if a lock that is found busy may be a late grant.
  static bool ArePossible();

  // Call this when a lock on the file was found busy; it may wait for kLateGrantGrace. True: a late grant has
  // been released since this object was made or was asked last, so the lock is worth another try. It may not
  // be free all the same.
  bool WasReleased(const os::FileId& id);

 private:
  uint64_t seen_;
#else
  static bool ArePossible() { return false; }
  bool WasReleased(const os::FileId&) { return false; }
#endif
};

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_LATE_GRANTS_H_
