// Fencing tokens: numbers that only grow, one for each time that a lock was given to somebody alone, and one
// for those who share it between two such times. What has seen a token refuses older ones, so a holder that
// was paused and has lost its lock can do no harm (Kleppmann, "How to do distributed locking", 2016).
//
// The token of the lock on a file is in a file beside it, <path>.fence: 16 digits, a space, and how the lock
// was taken, one line of fixed length, which is overwritten in place. Its 27 bytes are in one sector, so no
// crash leaves it half written. It is synced before the lock is given to its caller, and has the rights of
// the lock file. It stays when the lock file is removed. If it is removed itself, the next token is that of
// the clock, in milliseconds since 1970, and so greater than those before unless the clock was set back.
#ifndef HOLDFAST_LOCK_FENCE_H_
#define HOLDFAST_LOCK_FENCE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "lock/interrupt.h"
#include "lock/mechanism.h"
#include "os/file.h"

namespace holdfast::lock {

// What the name of the file ends in.
constexpr char kFenceSuffix[] = ".fence";

// The token of whoever has just been given the lock on `path` in `mode`. 0: somebody else reads or changes it
// at this moment, so it was not changed, and has to be asked for again. Refuses a path that is a symbolic
// link with ELOOP, because another path of the file would have another token.
os::Error NextFence(const std::string& path, Mode mode, uint64_t* token);

// Keeps the token of a lock as it is: until this is destroyed, the lock is given to nobody with a new one.
class HeldFence {
 public:
  HeldFence() = default;
  HeldFence(const HeldFence&) = delete;
  HeldFence& operator=(const HeldFence&) = delete;
  ~HeldFence() { Release(); }

  // Answers kGranted with the token; kFailed with `error`, ENOENT if there is no token; kInterrupted.
  Attempt Hold(const std::string& path, const std::function<Interrupt*()>& interrupt, uint64_t* token,
               os::Error* error);

  bool is_held() const { return file_.is_open(); }

 private:
  Attempt Lock(const std::string& path, const std::function<Interrupt*()>& interrupt, os::Error* error);
  void Release();

  os::File file_;
};

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_FENCE_H_
