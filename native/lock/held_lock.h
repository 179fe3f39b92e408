// A lock that is held.
#ifndef HOLDFAST_LOCK_HELD_LOCK_H_
#define HOLDFAST_LOCK_HELD_LOCK_H_

#include <string>
#include <utility>

#include "lock/descriptor_lock.h"
#include "lock/mechanism.h"
#include "os/file.h"

namespace holdfast::lock {

// Released on destruction: by name, and then the file is closed. A close alone frees it only when the last
// copy of the descriptor is closed, and a thread that is between fork and exec has one; on Windows it
// promises nothing (LockFileEx).
class HeldLock {
 public:
  HeldLock() = default;
  HeldLock(os::File file, const os::FileId& id, std::string path, const Spec& spec, bool local,
           DescriptorLock descriptor)
      : file_(std::move(file)),
        id_(id),
        path_(std::move(path)),
        spec_(spec),
        local_(local),
        descriptor_(std::move(descriptor)) {}
  HeldLock(HeldLock&& other) noexcept = default;
  HeldLock& operator=(HeldLock&& other) noexcept;
  ~HeldLock() { Release(); }

  void Release();

  // Keeps the file open for a moment, for whoever locks the same path next.
  void ReleaseForReuse();

  // Removes the file if its path still names it, and then releases; not if somebody is seen to wait for it,
  // who will remove it (waiting_mark.h). Nobody can have locked the file that
  // vanishes: whoever waits for it finds that the path does not name it any more. If others share the lock or
  // hold another range of the file, it stays: whoever made it anew would not know of them.
  os::Error RemoveAndRelease();

  // Gives the open file away, and the lock with it, which lasts until the last copy of its descriptor is
  // closed. Nothing is held here any more.
  os::File GiveAway() { return std::move(file_); }

  // Changes the mode without waiting. See Mechanism::convert.
  Attempt Convert(Mode mode, os::Error* error);

  bool is_held() const { return file_.is_open(); }
  Locked locked() const { return {id_, spec_}; }
  // As it was taken: flock if fcntl was asked for and the kernel has no open file description locks.
  Kind kind() const { return spec_.kind; }
  const os::FileId& id() const { return id_; }
  // False if releasing it may block, on a network.
  bool is_local() const { return local_; }

 private:
  // Makes the lock an exclusive one on all of the file, without waiting; false if it cannot be.
  bool HoldAlone();

  os::File file_;
  os::FileId id_;
  std::string path_;
  Spec spec_;
  bool local_ = false;
  DescriptorLock descriptor_;  // of a lock without path
};

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_HELD_LOCK_H_
