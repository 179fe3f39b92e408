#include "lock/held_lock.h"

#include <assert.h>
#include <errno.h>

#include "lock/idle_files.h"
#include "lock/named_file.h"
#include "lock/waiting_mark.h"

namespace holdfast::lock {

HeldLock& HeldLock::operator=(HeldLock&& other) noexcept {
  Release();
  file_ = std::move(other.file_);
  id_ = other.id_;
  path_ = std::move(other.path_);
  spec_ = other.spec_;
  local_ = other.local_;
  descriptor_ = std::move(other.descriptor_);
  return *this;
}

void HeldLock::Release() {
  if (!file_.is_open()) return;
  if (descriptor_.is_reserved()) {
    descriptor_.Release(std::move(file_));
  } else {
    MechanismOf(spec_.kind).unlock(file_, spec_);
    file_.Close();
  }
}

void HeldLock::ReleaseForReuse() {
  // Of fcntl locks the access differs (see File::OpenForLock), and on a network another client may need to
  // see the close.
  if (spec_.kind == Kind::kFlock && local_ && !path_.empty() && kFlock.unlock(file_, spec_)) {
    PutIdleFile(std::move(path_), false, std::move(file_), id_);
  }
  Release();
}

os::Error HeldLock::RemoveAndRelease() {
  os::Error error;
  if (HoldAlone()) {
    bool still = false;
    error = StillNames(path_, local_ ? Place::kLocal : Place::kNetwork, file_, id_, &still);
    const bool waited_for = spec_.kind == Kind::kFlock && SomebodyWaits(file_);
    if (!error && still && !waited_for) error = os::Remove(path_);
  }
  Release();
  return error;
}

bool HeldLock::HoldAlone() {
  if (spec_.kind == Kind::kFlock && spec_.mode == Mode::kExclusive) return true;
  if (!kLocksAgain) MechanismOf(spec_.kind).unlock(file_, spec_);
  os::Error error;
  spec_ = {spec_.kind, Mode::kExclusive, 0, 0};
  Attempt attempt = MechanismOf(spec_.kind).try_lock(file_, spec_, &error);
  if (attempt == Attempt::kFailed && error.number == EBADF) {
    // A shared fcntl lock is on a file that was opened for reading.
    os::LockAccess access;
    access.create = false;
    access.write = true;
    os::File writable;
    os::FileId id;
    if (OpenForLock(path_, access, &writable, &id) || id != id_) return false;
    MechanismOf(spec_.kind).unlock(file_, spec_);
    file_ = std::move(writable);
    attempt = MechanismOf(spec_.kind).try_lock(file_, spec_, &error);
  }
  return attempt == Attempt::kGranted;
}

Attempt HeldLock::Convert(Mode mode, os::Error* error) {
  assert(file_.is_open());
  if (descriptor_.is_reserved() && descriptor_.Others()) return Attempt::kBusy;
  Attempt attempt = MechanismOf(spec_.kind).convert(file_, spec_, mode, error);
  // A file that was opened for reading, for a shared fcntl lock: to be opened anew.
  if (attempt == Attempt::kFailed && error->number == EBADF) attempt = Attempt::kBusy;
  if (attempt == Attempt::kGranted) {
    spec_.mode = mode;
    if (descriptor_.is_reserved()) descriptor_.SetMode(mode);
  }
  return attempt;
}

}  // namespace holdfast::lock
