// The directory operations that locking and appending need: the other half of the seam between platforms,
// beside file.h.
#ifndef HOLDFAST_OS_DIRECTORY_H_
#define HOLDFAST_OS_DIRECTORY_H_

#include <string>
#include <vector>

#include "os/file.h"

namespace holdfast::os {

// An open directory whose names are read one by one, closed on destruction.
class Directory {
 public:
  Directory() = default;
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory();

  // Opens the directory `path`, once.
  Error Open(const std::string& path);

  // The next name, in no order; empty after the last one.
  Error Next(std::string* name);

 private:
  void* handle_ = nullptr;
  std::string first_;  // on Windows, which reads it when it opens
};

// The directory that holds `path`, as far as the text of the path tells.
std::string DirectoryOf(const std::string& path);

// Makes a directory, and those above it that are missing. One that is there is no error.
Error MakeDirectories(const std::string& path);

// As File::IsLocal, for the directory that holds `path`.
bool IsInLocalDirectory(const std::string& path);

// The directories whose entries lead to a file: open, so that making these entries durable needs nothing more
// that can be lacking, such as a free descriptor.
class Entries {
 public:
  // The directory of the file that `path` names, also if the path leads there through symbolic links, and if
  // there is no such file; with `ancestors`, those above it as well, up to the root of the file system.
  // Directories that may not be opened are passed over: whoever may not read them cannot have made them.
  Error Open(const std::string& path, bool ancestors);

  bool is_open() const { return is_open_; }
  void Close();

  // Makes the entry of the file durable, also if it was made, renamed or removed since Open; and those of the
  // directories above it.
  Error Sync() const;

 private:
  std::vector<File> directories_;
  bool is_open_ = false;
};

// Opens and syncs them.
Error SyncDirectory(const std::string& path, bool ancestors);

}  // namespace holdfast::os

#endif  // HOLDFAST_OS_DIRECTORY_H_
