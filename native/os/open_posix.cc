// How files are opened on Linux and macOS: for what, with which flags, and what is made where there is
// nothing.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <string>

#include "os/directory.h"
#include "os/file.h"
#include "os/posix.h"
#include "os/system_calls.h"

namespace holdfast::os {

Error Open(const std::string& path, int flags, File* out, mode_t mode) {
  const int descriptor =
      Retry([&] { return system_calls.open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, mode); });
  if (descriptor == -1) return Failed("open");
  *out = File(descriptor);
  return {};
}

namespace {

Error OpenOrMakeAsRoot(std::string path, int flags, File* out, mode_t mode = 0666);

// Opens what is there, and makes it only if there is nothing: asked with O_CREAT, Linux refuses a file of
// another user in a sticky directory (fs.protected_regular in proc_sys_fs(5)). Where root makes a file, no
// link of another user says which.
Error OpenOrMake(const std::string& path, int flags, File* out, mode_t mode = 0666) {
  const Error error = Open(path, flags, out);
  if (error.number != ENOENT) return error;
  const bool is_root = system_calls.geteuid() == 0;
  const Error made = Open(path, flags | O_CREAT | (is_root ? O_NOFOLLOW : 0), out, mode);
  if (made.number == ELOOP && (flags & O_NOFOLLOW) == 0) return OpenOrMakeAsRoot(path, flags, out, mode);
  // It may be that another user has made it meanwhile.
  return made.number == EACCES && !Open(path, flags, out) ? Error{} : made;
}

// As OpenOrMake, but follows only the links of root. Else whoever puts a link where root appends, or makes a
// lock file, would choose which file of the system that is. (Linux does the same for everybody in sticky
// directories: fs.protected_symlinks in proc_sys_fs(5).)
Error OpenOrMakeAsRoot(std::string path, int flags, File* out, mode_t mode) {
  for (int links = 0; links < kMaxLinks; links++) {
    const Error error = OpenOrMake(path, flags | O_NOFOLLOW, out, mode);
    if (error.number != ELOOP) return error;
    struct stat before, after;
    const std::string link = path;
    if (system_calls.lstat(link.c_str(), &before) != 0) return Failed("lstat");
    if (Error failed = FollowLink(&path)) return failed;
    if (system_calls.lstat(link.c_str(), &after) != 0) return Failed("lstat");
    const bool is_roots = before.st_uid == 0 && after.st_uid == 0 && before.st_ino == after.st_ino;
    if (!is_roots) return {EACCES, "open", link};
  }
  return {ELOOP, "open"};
}

// As OpenOrMake; a file that is made has these permissions, in spite of the umask. For a moment it has less.
Error OpenOrMakeFor(const std::string& path, int flags, mode_t permissions, File* out) {
  Error error = Open(path, flags, out);
  if (error.number != ENOENT) return error;
  error = Open(path, flags | O_CREAT | O_EXCL, out, permissions);
  // Somebody was faster, or it is a link that leads nowhere.
  if (error.number == EEXIST) return OpenOrMake(path, flags, out, permissions);
  if (error || system_calls.fchmod(out->handle(), permissions) == 0) return error;
  return Failed("fchmod");
}

// To be called with the error of an open with O_NONBLOCK, before which nobody gives up a lease (F_SETLEASE in
// fcntl(2)). Without, the open waits until that is done, or the kernel takes the lease back.
Error OpenAfterLease(Error error, const std::string& path, int flags, File* out) {
#ifdef __linux__
  if (error.number != EAGAIN) return error;
  // By its descriptor, so that it is certainly no FIFO.
  File named;
  struct stat status;
  if (Open(path, O_PATH | (flags & O_NOFOLLOW), &named)) return error;
  if (system_calls.fstat(named.handle(), &status) != 0 || !S_ISREG(status.st_mode)) return error;
  const std::string by_descriptor = "/proc/self/fd/" + std::to_string(named.handle());
  return Open(by_descriptor, flags & ~(O_NONBLOCK | O_NOFOLLOW), out) ? error : Error{};
#else
  (void)path, (void)flags, (void)out;
  return error;
#endif
}

}  // namespace

Error File::OpenForLock(const std::string& path, LockAccess access, File* out) {
  // O_NONBLOCK: opening a FIFO or a terminal must not wait for the other end.
  const int flags = O_NONBLOCK | (access.follow ? 0 : O_NOFOLLOW);
  const auto open = [&](int with) {
    if (!access.create) return Open(path, flags | with, out);
    if (access.permissions) return OpenOrMakeFor(path, flags | with, *access.permissions, out);
    return OpenOrMake(path, flags | with, out);
  };
  // O_APPEND: or an append-only file could not be opened for writing. Nothing is ever written.
  const int how = access.write ? O_RDWR | O_APPEND : O_RDONLY;
  Error error = open(how);
  if (access.wait_for_lease) error = OpenAfterLease(error, path, flags | how, out);
  // Not to be read by us.
  if (error.number == EACCES && !Open(path, flags | O_WRONLY | O_APPEND, out)) return {};
  return error;
}

Error File::OpenForAppend(const std::string& path, File* out) {
  constexpr int kFlags = O_RDWR | O_APPEND | O_NONBLOCK;
  const bool is_root = system_calls.geteuid() == 0;
  const auto open = [&] {
    return is_root ? OpenOrMakeAsRoot(path, kFlags, out) : OpenOrMake(path, kFlags, out);
  };
  Error error = open();
  if (error.number == ENOENT) {
    if (Error failed = MakeDirectories(DirectoryOf(path))) return failed;
    error = open();
  }
  if (error) return error;
  struct stat status;
  if (system_calls.fstat(out->handle(), &status) != 0) return Failed("fstat");
  if (!S_ISREG(status.st_mode)) {
    out->Close();
    return {EINVAL, "open"};
  }
  return {};
}

Error File::OpenForReading(const std::string& path, File* out) {
  constexpr int kFlags = O_RDONLY | O_NONBLOCK;
  return OpenAfterLease(Open(path, kFlags, out), path, kFlags, out);
}

Error File::OpenForSync(const std::string& path, File* out) {
  return OpenForReading(path, out);
}

Error File::Make(const std::string& path, std::optional<unsigned> permissions, File* out) {
  return Open(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, out, permissions.value_or(0600));
}

Error File::OpenToReplace(const std::string& path, File* out) {
  const auto check = [](const struct stat& status) -> Error {
    return S_ISREG(status.st_mode) ? Error{} : Error{S_ISDIR(status.st_mode) ? EISDIR : EINVAL, "open"};
  };
  struct stat status;
  // Before it is opened, because opening a device may do something.
  if (system_calls.stat(path.c_str(), &status) != 0) return Failed("stat");
  if (Error error = check(status)) return error;
  constexpr int kFlags = O_NOFOLLOW | O_NONBLOCK;
  Error error = Open(path, O_RDONLY | kFlags, out);
#ifdef __linux__
  // A descriptor that tells which file it is, and no more.
  if (error.number == EACCES) error = Open(path, O_PATH | kFlags, out);
#endif
  if (!error && system_calls.fstat(out->handle(), &status) != 0) error = Failed("fstat");
  if (!error) error = check(status);
  if (error) out->Close();
  return error;
}

}  // namespace holdfast::os
