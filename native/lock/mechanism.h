// The ways of locking a file. Each mechanism of the operating system fills one table, in a file of its own.
#ifndef HOLDFAST_LOCK_MECHANISM_H_
#define HOLDFAST_LOCK_MECHANISM_H_

#include <cstdint>

#include "os/file.h"

namespace holdfast::lock {

enum class Mode { kShared, kExclusive };
enum class Kind { kFlock, kFcntl };

// What is locked: the whole file, or with fcntl the bytes from `start` on. A length of 0 reaches to the end
// of the file, wherever that will be.
struct Spec {
  Kind kind = Kind::kFlock;
  Mode mode = Mode::kExclusive;
  uint64_t start = 0;
  uint64_t length = 0;
};

// From this byte on, past the last one that any file system can hold, locks of open file descriptions are
// nothing that anybody waits for as a lock: processes tell each other by them what they do (docs/format.md).
constexpr uint64_t kMarks = uint64_t{1} << 62;

// A lock on a file, held or wanted.
struct Locked {
  os::FileId id;
  Spec spec;
};

// Whether flock and fcntl locks see each other. On Linux they do not.
#ifdef __APPLE__
constexpr bool kKindsSeeEachOther = true;
#else
constexpr bool kKindsSeeEachOther = false;
#endif

// Whether they cover the same bytes of the same file.
inline bool Overlap(const Locked& a, const Locked& b) {
  if (a.id != b.id || (a.spec.kind != b.spec.kind && !kKindsSeeEachOther)) return false;
  const auto reaches = [](const Spec& spec, const Spec& other) {
    return spec.length == 0 || other.start < spec.start || other.start - spec.start < spec.length;
  };
  return reaches(a.spec, b.spec) && reaches(b.spec, a.spec);
}

// Whether two open files can have them at the same time.
inline bool Exclude(const Locked& a, const Locked& b) {
  return Overlap(a, b) && (a.spec.mode == Mode::kExclusive || b.spec.mode == Mode::kExclusive);
}

// What an attempt came to. kBusy: somebody else holds it. kInterrupted: a signal ended the wait, nothing is
// held. kMoved, which no mechanism answers: see named_file.h.
enum class Attempt { kGranted, kBusy, kInterrupted, kMoved, kFailed };

// Whether an open file that holds a lock can lock the same bytes again, which changes the lock. Windows
// refuses that, even to the holder.
#ifdef _WIN32
constexpr bool kLocksAgain = false;
#else
constexpr bool kLocksAgain = true;
#endif

struct Mechanism {
  // One try, without waiting.
  Attempt (*try_lock)(const os::File& file, const Spec& spec, os::Error* error);
  // Waits in the kernel until the lock is granted or a signal arrives.
  Attempt (*wait_lock)(const os::File& file, const Spec& spec, os::Error* error);
  // Changes the mode of a lock that is held, without waiting. After kBusy, the lock may be gone (flock on
  // Linux and macOS), or as it was.
  Attempt (*convert)(const os::File& file, const Spec& held, Mode mode, os::Error* error);
  bool (*unlock)(const os::File& file, const Spec& spec);
};

// flock(2): the lock belongs to the open file description, so it excludes other opens of the same process
// too, and goes when the last descriptor of it is closed, which the kernel does for a process that dies.
extern const Mechanism kFlock;

// fcntl(2), open file description locks: byte ranges, owned as flock's are. (The older POSIX record locks
// belong to the process and vanish when any descriptor of the file is closed; they are never used.) The file
// must be open for writing for an exclusive lock. On Linux fcntl and flock locks do not see each other.
extern const Mechanism kFcntl;

inline const Mechanism& MechanismOf(Kind kind) {
  return kind == Kind::kFcntl ? kFcntl : kFlock;
}

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_MECHANISM_H_
