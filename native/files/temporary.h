// A temporary file: the new file that is prepared beside one whose place it is to take. TypeScript makes them
// too (lib/atomic/temporary-file.ts), with names of the same pattern.
//
// Its maker holds a kernel lock on it. So whoever makes the next one beside the same file knows which of
// those that are there were left by a process that died, and removes them.
#ifndef HOLDFAST_FILES_TEMPORARY_H_
#define HOLDFAST_FILES_TEMPORARY_H_

#include <cstddef>
#include <string>

#include "os/file.h"

namespace holdfast::files {

class Temporary {
 public:
  Temporary() = default;
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  // Removes it, unless it has become another file.
  ~Temporary();

  // Makes an empty one beside `path`, locked, which nobody else may open.
  os::Error Make(const std::string& path);
  const os::File& file() const { return file_; }

  // Gives it the name `path`, and replaces what has that name. What is left is the open, locked file.
  os::Error Become(const std::string& path, os::File* out);

 private:
  std::string path_;
  os::File file_;
};

// Takes the lock that tells that the maker of this temporary file lives. False: it was removed, or is about
// to be, and another one has to be made.
bool ClaimTemporary(const std::string& path, const os::File& file);

// Removes the temporary files beside `path` whose makers are dead: regular files with one name, ours or of
// the owner of `chronicle` (which need not be open), that nobody has locked. Answers how many names it looked
// at.
size_t RemoveAbandoned(const std::string& path, const os::File& chronicle);

}  // namespace holdfast::files

#endif  // HOLDFAST_FILES_TEMPORARY_H_
