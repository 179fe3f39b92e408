// LockFileEx, on Windows. The lock belongs to the open file (not to the process alone), as flock's does.
//
// Windows enforces byte-range locks: nobody else can read or write what is locked exclusively. So what
// stands for flock is one byte that no file reaches, and locks of Kind::kFcntl are enforced.
//
// There is no conversion. An exclusive owner may also take a shared lock on the same bytes, and the first
// unlocking then ends the exclusive one (LockFileEx), so that downgrading lets nobody in between. The other
// way there is nothing.
#include <algorithm>

#include "lock/mechanism.h"
#include "os/windows.h"

namespace holdfast::lock {
namespace {

// The last that there is. No range of bytes that is asked for holds it.
constexpr uint64_t kFlockByte = 0x7fffffffffffffff;

struct Range {
  uint64_t start;
  uint64_t length;
};

Range RangeOf(const Spec& spec) {
  if (spec.kind == Kind::kFlock) return {kFlockByte, 1};
  if (spec.length != 0) return {spec.start, spec.length};
  return {spec.start, std::max<uint64_t>(kFlockByte - spec.start, 1)};
}

OVERLAPPED StartOf(const Range& range) {
  OVERLAPPED overlapped = {};
  overlapped.Offset = static_cast<DWORD>(range.start);
  overlapped.OffsetHigh = static_cast<DWORD>(range.start >> 32);
  return overlapped;
}

Attempt Lock(const os::File& file, const Spec& spec, Mode mode, DWORD flags, os::Error* error) {
  const Range range = RangeOf(spec);
  OVERLAPPED overlapped = StartOf(range);
  if (mode == Mode::kExclusive) flags |= LOCKFILE_EXCLUSIVE_LOCK;
  if (::LockFileEx(file.handle(), flags, 0, static_cast<DWORD>(range.length),
                   static_cast<DWORD>(range.length >> 32), &overlapped) != 0) {
    return Attempt::kGranted;
  }
  const DWORD code = ::GetLastError();
  if (code == ERROR_LOCK_VIOLATION) return Attempt::kBusy;
  *error = os::FailedWith(code, "LockFileEx");
  return Attempt::kFailed;
}

bool Unlock(const os::File& file, const Spec& spec) {
  const Range range = RangeOf(spec);
  OVERLAPPED overlapped = StartOf(range);
  return ::UnlockFileEx(file.handle(), 0, static_cast<DWORD>(range.length),
                        static_cast<DWORD>(range.length >> 32), &overlapped) != 0;
}

constexpr Mechanism kLockFileEx = {
    [](const os::File& file, const Spec& spec, os::Error* error) {
      return Lock(file, spec, spec.mode, LOCKFILE_FAIL_IMMEDIATELY, error);
    },
    [](const os::File& file, const Spec& spec, os::Error* error) {
      return Lock(file, spec, spec.mode, 0, error);
    },
    [](const os::File& file, const Spec& held, Mode mode, os::Error* error) {
      if (mode == held.mode) return Attempt::kGranted;
      if (mode == Mode::kExclusive) return Attempt::kBusy;
      const Attempt attempt = Lock(file, held, Mode::kShared, LOCKFILE_FAIL_IMMEDIATELY, error);
      if (attempt == Attempt::kGranted) Unlock(file, held);
      return attempt;
    },
    Unlock,
};

}  // namespace

const Mechanism kFlock = kLockFileEx;
const Mechanism kFcntl = kLockFileEx;

}  // namespace holdfast::lock
