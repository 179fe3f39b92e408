// A temporary file: the new file, `.<name>.<random>.tmp`, that is prepared beside one whose place it is to
// take.
//
// Its maker holds a kernel lock on it. So whoever makes the next one beside the same file knows which of
// those that are there were left by a process that died, and removes them.
#ifndef HOLDFAST_FILES_TEMPORARY_H_
#define HOLDFAST_FILES_TEMPORARY_H_

#include <cstddef>
#include <optional>
#include <string>

#include "os/file.h"
#include "os/mutex.h"

namespace holdfast::files {

class Temporary {
 public:
  Temporary() = default;
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() { Remove(); }

  // Makes an empty one beside `path`, locked, with permissions as those of File::Make.
  os::Error Make(const std::string& path, std::optional<unsigned> permissions = std::nullopt);
  const os::File& file() const { return file_; }

  // Gives it the name `path`, and replaces what has that name. What is left is the open, locked file.
  os::Error Become(const std::string& path, os::File* out);

  // Removes it, unless it has become another file, or its name is another file's. On any thread, also while
  // another one works with the file.
  void Remove();

 private:
  os::Error MakeOnce(const std::string& path, std::optional<unsigned> permissions);

  os::Mutex mutex_;
  std::string path_ GUARDED_BY(mutex_);  // empty: there is none
  os::File file_;                        // stays as it is while there is a path
};

// Removes the temporary files beside `path` whose makers are dead: regular files with one name, ours or of
// the owner of `chronicle` (which need not be open), that nobody has locked. Answers how many names it looked
// at.
size_t RemoveAbandoned(const std::string& path, const os::File& chronicle);

}  // namespace holdfast::files

#endif  // HOLDFAST_FILES_TEMPORARY_H_
