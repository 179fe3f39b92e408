// The file that a chronicle's path names: opened, locked, and appended to.
#ifndef HOLDFAST_APPEND_CHRONICLE_FILE_H_
#define HOLDFAST_APPEND_CHRONICLE_FILE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "lock/interrupt.h"
#include "lock/mechanism.h"
#include "lock/named_file.h"
#include "lock/owner.h"
#include "os/clock.h"
#include "os/file.h"

namespace holdfast::append {

class ChronicleFile {
 public:
  // `owner`, if any: the thread that may block for an append.
  ChronicleFile(std::string path, std::shared_ptr<lock::Owner> owner)
      : path_(std::move(path)), owner_(std::move(owner)) {}

  // Creates the file if there is none.
  os::Error Open();

  struct LockResult {
    lock::Attempt attempt;  // kGranted, kFailed with `error`, kBusy; anything else: interrupted
    os::Error error;
    bool opened_anew;  // it may be another file than before
    std::chrono::nanoseconds waited;
  };

  // Locks the file that the path names, and opens it if it is not the one that is open. If it has to wait,
  // `interrupt` says by what that is interrupted; null: it does not wait. Fails with EDEADLK when the owner's
  // thread has the lock, and blocks.
  LockResult Lock(const std::function<lock::Interrupt*()>& interrupt);
  void Unlock();
  void Close();

  // After a rotation under the lock: the path names `next`, which is locked.
  os::Error GoOnIn(os::File next);

  // Appends `data` to the file, which is locked and has `size` bytes, after a newline if `heal`. If this
  // fails, the file is cut back. `wrote` tells whether anything of it may be in the file, also if this
  // throws.
  os::Error Append(uint64_t size, bool heal, const std::string& data, bool* wrote);

  bool is_open() const { return file_.is_open(); }
  bool is_locked() const { return locked_; }
  // Of the file that is open, or was the last one.
  const os::FileId& id() const { return id_; }
  const os::File& get() const { return file_; }

 private:
  const std::string path_;
  const std::shared_ptr<lock::Owner> owner_;
  os::File file_;
  os::FileId id_;
  lock::Place place_ = lock::Place::kLocal;
  bool locked_ = false;
};

}  // namespace holdfast::append

#endif  // HOLDFAST_APPEND_CHRONICLE_FILE_H_
