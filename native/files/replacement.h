// A file that takes the place of another one whole: whoever opens the path sees the old one or the new one,
// also after a crash at any moment. The steps are those of lib/atomic/replace-file.ts, each on a helper
// thread, because each hand-over between threads costs more than all that a step does in memory.
//
// May be called on any thread: one call waits for another.
#ifndef HOLDFAST_FILES_REPLACEMENT_H_
#define HOLDFAST_FILES_REPLACEMENT_H_

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "files/temporary.h"
#include "os/file.h"
#include "os/mutex.h"

namespace holdfast::files {

class Replacement {
 public:
  // Of what `path` names; no link is followed.
  explicit Replacement(std::string path) : path_(std::move(path)) {}

  // Where the rights of the new file come from, and what may be replaced.
  enum class Old {
    kNamed,        // what the path names, if anything: looked at again in Finish
    kGiven,        // this file and no other one; it is a chronicle, so what rotation noted on it goes along
    kRightsAlone,  // the rights are those of this file, and whatever the path names is replaced
  };

  struct Plan {
    Old kind = Old::kNamed;
    os::File old{};            // unless it is kNamed
    unsigned permissions = 0;  // of a new file, which the umask narrows
    bool search = false;       // for what killed processes have left beside the path
  };

  struct Begun {
    bool is_new = false;  // there is no old file
    size_t names = 0;     // how many names the search looked at
  };

  // Makes the new file, which has the rights of the old one before anything is in it.
  os::Error Begin(Plan plan, Begun* out);

  // At the end of the new file.
  os::Error Write(const std::string& bytes);
  os::Error Sync(os::Durability durability);

  enum class Outcome {
    kFailed,    // the old file is there as it was
    kChanged,   // the same, because another file has its name by now, or none
    kReplaced,  // an error is that of a sync after it
  };

  // Gives the new file the path, if that still names the old file; with `insist`, in any case. If it does
  // not, and the old one was not given, the new file has the rights of what is there now: it is to be synced,
  // and this to be called again. `ancestors`: which directory entries are made durable, see os::Entries.
  os::Error Finish(std::optional<bool> ancestors, bool insist, Outcome* out);

  // Removes the new file, which nobody needs any more, unless it has its place already.
  void Discard();
  // Likewise, at the exit of the thread: waits for no other call but for a renaming.
  void Abandon() { temporary_.Remove(); }

 private:
  os::Error OpenOld() REQUIRES(mutex_);
  os::Error GiveRights() REQUIRES(mutex_);
  os::Error IsOldNamed(bool* out) REQUIRES(mutex_);

  const std::string path_;
  os::Mutex mutex_;
  Old kind_ GUARDED_BY(mutex_) = Old::kNamed;
  os::File old_ GUARDED_BY(mutex_);
  Temporary temporary_;
};

}  // namespace holdfast::files

#endif  // HOLDFAST_FILES_REPLACEMENT_H_
