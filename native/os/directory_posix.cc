// Directory operations on Linux and macOS.
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "os/directory.h"
#include "os/posix.h"
#include "os/system_calls.h"

namespace holdfast::os {

Error FollowLinks(std::string* path) {
  for (int links = 0; links < kMaxLinks; links++) {
    const Error error = FollowLink(path);
    // EINVAL: no link.
    if (error) return error.number == EINVAL || error.number == ENOENT ? Error{} : error;
  }
  return {ELOOP, "readlink"};
}

Error FollowLink(std::string* path) {
  char link[PATH_MAX];
  const ssize_t length = system_calls.readlink(path->c_str(), link, sizeof link);
  if (length == -1) return Failed("readlink");
  const std::string target(link, static_cast<size_t>(length));
  *path = target[0] == '/' ? target : DirectoryOf(*path) + '/' + target;
  return {};
}

Directory::~Directory() {
  if (handle_ != nullptr) system_calls.closedir(static_cast<DIR*>(handle_));
}

Error Directory::Open(const std::string& path) {
  assert(handle_ == nullptr);
  handle_ = system_calls.opendir(path.c_str());
  return handle_ != nullptr ? Error{} : Failed("scandir");
}

Error Directory::Next(std::string* name) {
  assert(handle_ != nullptr);
  // The end is told from a failure by errno alone (readdir(3)).
  errno = 0;
  const struct dirent* const entry = system_calls.readdir(static_cast<DIR*>(handle_));
  if (entry == nullptr && errno != 0) return Failed("scandir");
  name->assign(entry == nullptr ? "" : entry->d_name);
  return {};
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Error MakeDirectories(const std::string& path) {
  if (system_calls.mkdir(path.c_str(), 0777) == 0) return {};
  // EEXIST for something that is no directory shows when the file in it is opened (ENOTDIR).
  if (errno == EEXIST) return {};
  if (errno != ENOENT || path == DirectoryOf(path)) return Failed("mkdir");
  if (Error error = MakeDirectories(DirectoryOf(path))) return error;
  if (system_calls.mkdir(path.c_str(), 0777) == 0 || errno == EEXIST) return {};
  return Failed("mkdir");
}

bool IsInLocalDirectory(const std::string& path) {
  struct statfs status;
  return system_calls.statfs(DirectoryOf(path).c_str(), &status) == 0 && IsLocalFileSystem(status);
}

Error Entries::Open(const std::string& path, bool ancestors) {
  Close();
  // The entry that must last is the one in the directory where the file really is. The path itself is not
  // resolved but its directory is, because another process may have rotated the file away since it was
  // written: its name is missing then, and its entry is in that directory all the same. Any other failure is
  // the caller's to know of, or what it acknowledges might be in a directory that nobody synced.
  std::string file = path;
  if (Error error = FollowLinks(&file)) return error;
  char resolved[PATH_MAX];
  if (system_calls.realpath(DirectoryOf(file).c_str(), resolved) == nullptr) return Failed("realpath");
  std::string directory = resolved;
  dev_t device = 0;
  for (bool first = true;; first = false) {
    File opened;
    const Error error = os::Open(directory, O_RDONLY | O_DIRECTORY, &opened);
    if (error && error.number != EACCES && error.number != EPERM) return error;
    if (!error) {
      struct stat status;
      if (system_calls.fstat(opened.handle(), &status) != 0) return Failed("fstat");
      if (!first && status.st_dev != device) break;
      device = status.st_dev;
      directories_.push_back(std::move(opened));
    }
    const std::string parent = DirectoryOf(directory);
    if (!ancestors || parent == directory) break;
    directory = parent;
  }
  is_open_ = true;
  return {};
}

Error Entries::Sync() const {
  assert(is_open_);
  for (const File& directory : directories_) {
    const Error error = directory.Sync(Durability::kFull);
    // EINVAL, ENOTSUP: a file system whose directories cannot be synced, as fsync(2) allows.
    if (error && error.number != EINVAL && error.number != ENOTSUP && error.number != EROFS) return error;
  }
  return {};
}

void Entries::Close() {
  directories_.clear();
  is_open_ = false;
}

Error SyncDirectory(const std::string& path, bool ancestors) {
  Entries entries;
  if (Error error = entries.Open(path, ancestors)) return error;
  return entries.Sync();
}

}  // namespace holdfast::os
