// File operations on Linux and macOS.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>

#ifdef __linux__
#include <sys/syscall.h>
#include <sys/vfs.h>
#else
#include <sys/mount.h>
#include <sys/param.h>
#endif

#include "os/file.h"
#include "os/system_calls.h"

namespace holdfast::os {

SystemCalls system_calls = {
    [](const char* path, int flags, mode_t mode) { return ::open(path, flags, mode); },
    ::close,
    [](int descriptor, struct stat* out) { return ::fstat(descriptor, out); },
    [](const char* path, struct stat* out) { return ::stat(path, out); },
    ::pread,
    ::writev,
    ::ftruncate,
    ::fsync,
#ifdef __APPLE__
    ::fsync,  // fdatasync exists there, but is not documented
#else
    ::fdatasync,
#endif
    ::mkdir,
    ::rename,
    ::unlink,
    ::flock,
    [](int descriptor, int command, struct flock* lock) { return ::fcntl(descriptor, command, lock); },
    [](int descriptor) { return ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0); },
    ::pthread_create,
};

namespace {

Error Failed(const char* syscall) {
  return {errno, syscall};
}

// Calls again after a signal of the host program.
template <typename Call>
auto Retry(Call call) {
  decltype(call()) result;
  do result = call();
  while (result == -1 && errno == EINTR);
  return result;
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Error Open(const std::string& path, int flags, File* out, mode_t mode = 0666) {
  const int descriptor =
      Retry([&] { return system_calls.open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, mode); });
  if (descriptor == -1) return Failed("open");
  *out = File(descriptor);
  return {};
}

Error MakeDirectories(const std::string& directory) {
  if (system_calls.mkdir(directory.c_str(), 0777) == 0) return {};
  // EEXIST for something that is no directory shows when the file in it is opened (ENOTDIR).
  if (errno == EEXIST) return {};
  if (errno != ENOENT || directory == DirectoryOf(directory)) return Failed("mkdir");
  if (Error error = MakeDirectories(DirectoryOf(directory))) return error;
  if (system_calls.mkdir(directory.c_str(), 0777) == 0 || errno == EEXIST) return {};
  return Failed("mkdir");
}

Error SyncDescriptor(int descriptor, Durability durability) {
  if (durability == Durability::kNone) return {};
#ifdef __APPLE__
  // fsync on macOS stops at the drive's cache; F_FULLFSYNC goes through it. File systems that have no such
  // command refuse it, and fsync is then the best there is (fsync(2) on macOS).
  if (durability == Durability::kFull) {
    if (::fcntl(descriptor, F_FULLFSYNC) == 0) return {};
    if (errno != ENOTSUP && errno != EINVAL && errno != ENOTTY) return Failed("fcntl");
  }
#endif
  // No retry after a failure, EINTR included: once a sync has failed, a later one that succeeds proves
  // nothing.
  if (durability == Durability::kData) {
    return system_calls.fdatasync(descriptor) == 0 ? Error{} : Failed("fdatasync");
  }
  return system_calls.fsync(descriptor) == 0 ? Error{} : Failed("fsync");
}

bool IsLocalFileSystem(const struct statfs& status) {
#ifdef __linux__
  // From linux/magic.h and statfs(2): ext2/3/4, xfs, btrfs, tmpfs, ramfs, overlayfs, f2fs, zfs, bcachefs.
  switch (static_cast<uint32_t>(status.f_type)) {
    case 0xef53:
    case 0x58465342:
    case 0x9123683e:
    case 0x01021994:
    case 0x858458f6:
    case 0x794c7630:
    case 0xf2f52010:
    case 0x2fc12fc1:
    case 0xca451a4e:
      return true;
    default:
      return false;
  }
#else
  return (status.f_flags & MNT_LOCAL) != 0;
#endif
}

}  // namespace

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    Close();
    handle_ = other.handle_;
    other.handle_ = kNone;
  }
  return *this;
}

void File::Close() {
  // Not called again after EINTR: the descriptor is gone on Linux, and may be somebody else's by then.
  if (handle_ != kNone) system_calls.close(handle_);
  handle_ = kNone;
}

Error File::OpenForLock(const std::string& path, LockAccess access, File* out) {
  // O_NONBLOCK: opening a FIFO or a terminal must not wait for the other end.
  const int flags = O_NONBLOCK | (access.follow ? 0 : O_NOFOLLOW);
  Error error = Open(path, flags | O_RDWR | (access.create ? O_CREAT : 0), out);
  if (error.number == EACCES || error.number == EROFS || error.number == ETXTBSY) {
    if (!access.must_write && !Open(path, flags | O_RDONLY, out)) return {};
  }
  return error;
}

File::Handle File::OfDescriptor(int number) {
  return number;
}

Error File::Duplicate(Handle handle, File* out) {
  const int descriptor = system_calls.duplicate(handle);
  if (descriptor == -1) return Failed("dup");
  *out = File(descriptor);
  return {};
}

Error File::OpenForAppend(const std::string& path, File* out) {
  constexpr int kFlags = O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK;
  Error error = Open(path, kFlags, out);
  if (error.number == ENOENT) {
    if (Error failed = MakeDirectories(DirectoryOf(path))) return failed;
    error = Open(path, kFlags, out);
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
  return Open(path, O_RDONLY | O_NONBLOCK, out);
}

Error File::OpenForSync(const std::string& path, File* out) {
  return OpenForReading(path, out);
}

Error File::OpenBeside(const std::string& path, const File& owner, bool create, File* out) {
  struct stat beside;
  if (system_calls.fstat(owner.handle(), &beside) != 0) return Failed("fstat");
  constexpr int kFlags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK;
  const mode_t mode = beside.st_mode & 0666;
  if (Error error = Open(path, kFlags | (create ? O_CREAT : 0), out, mode)) return error;
  struct stat status;
  if (system_calls.fstat(out->handle(), &status) != 0) return Failed("fstat");
  const bool ours = status.st_uid == beside.st_uid || status.st_uid == ::geteuid();
  if (S_ISREG(status.st_mode) && status.st_nlink <= 1 && ours) return {};
  out->Close();
  return {EPERM, "open"};
}

Error File::Id(FileId* out) const {
  struct stat status;
  if (system_calls.fstat(handle_, &status) != 0) return Failed("fstat");
  *out = {static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino)};
  return {};
}

Error File::Size(uint64_t* out) const {
  struct stat status;
  if (system_calls.fstat(handle_, &status) != 0) return Failed("fstat");
  *out = static_cast<uint64_t>(status.st_size);
  return {};
}

Error File::Born(std::chrono::milliseconds* out) const {
  using std::chrono::milliseconds;
#if defined(STATX_BTIME) && defined(SYS_statx)
  struct statx extended;
  // Not by its name in the C library, which has had it only since glibc 2.28.
  if (::syscall(SYS_statx, handle_, "", AT_EMPTY_PATH, STATX_BTIME, &extended) == 0 &&
      (extended.stx_mask & STATX_BTIME) != 0) {
    *out = milliseconds(extended.stx_btime.tv_sec * 1000 + extended.stx_btime.tv_nsec / 1'000'000);
    return {};
  }
#endif
  struct stat status;
  if (system_calls.fstat(handle_, &status) != 0) return Failed("fstat");
#ifdef __APPLE__
  const struct timespec& time = status.st_birthtimespec;
#else
  const struct timespec& time = status.st_mtim;
#endif
  *out = milliseconds(static_cast<int64_t>(time.tv_sec) * 1000 + time.tv_nsec / 1'000'000);
  return {};
}

Error File::ReadAt(uint64_t offset, char* buffer, size_t length) const {
  while (length > 0) {
    const ssize_t count =
        Retry([&] { return system_calls.pread(handle_, buffer, length, static_cast<off_t>(offset)); });
    if (count < 0) return Failed("read");
    if (count == 0) return {EIO, "read"};
    buffer += count;
    length -= static_cast<size_t>(count);
    offset += static_cast<uint64_t>(count);
  }
  return {};
}

Error File::Append(const char* prefix, size_t prefix_length, const char* data, size_t length) const {
  // Linux and macOS refuse or shorten writes near 2 GiB; what is left goes into the next call.
  constexpr size_t kMostAtOnce = size_t{1} << 30;
  struct iovec parts[2] = {{const_cast<char*>(prefix), prefix_length}, {const_cast<char*>(data), length}};
  while (parts[0].iov_len + parts[1].iov_len > 0) {
    struct iovec now[2] = {parts[0], {parts[1].iov_base, std::min(parts[1].iov_len, kMostAtOnce)}};
    const ssize_t count = Retry([&] { return system_calls.writev(handle_, now, 2); });
    if (count < 0) return Failed("write");
    if (count == 0) return {ENOSPC, "write"};
    size_t written = static_cast<size_t>(count);
    for (struct iovec& part : parts) {
      const size_t taken = std::min(written, part.iov_len);
      part.iov_base = static_cast<char*>(part.iov_base) + taken;
      part.iov_len -= taken;
      written -= taken;
    }
  }
  return {};
}

Error File::Truncate(uint64_t size) const {
  const int result = Retry([&] { return system_calls.ftruncate(handle_, static_cast<off_t>(size)); });
  return result == 0 ? Error{} : Failed("ftruncate");
}

Error File::Sync(Durability durability) const {
  return SyncDescriptor(handle_, durability);
}

bool File::IsLocal() const {
  struct statfs status;
  return ::fstatfs(handle_, &status) == 0 && IsLocalFileSystem(status);
}

bool IsInLocalDirectory(const std::string& path) {
  struct statfs status;
  return ::statfs(DirectoryOf(path).c_str(), &status) == 0 && IsLocalFileSystem(status);
}

Error Identify(const std::string& path, FileId* out) {
  struct stat status;
  if (system_calls.stat(path.c_str(), &status) != 0) return Failed("stat");
  *out = {static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino)};
  return {};
}

Error Rename(const std::string& from, const std::string& to) {
  return system_calls.rename(from.c_str(), to.c_str()) == 0 ? Error{} : Failed("rename");
}

Error ListDirectory(const std::string& path, std::vector<std::string>* names) {
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr) return Failed("scandir");
  names->clear();
  errno = 0;
  while (const struct dirent* entry = ::readdir(directory)) names->emplace_back(entry->d_name);
  const int failure = errno;
  ::closedir(directory);
  return failure == 0 ? Error{} : Error{failure, "scandir"};
}

Error Remove(const std::string& path) {
  return system_calls.unlink(path.c_str()) == 0 ? Error{} : Failed("unlink");
}

Error SyncDirectory(const std::string& path, bool ancestors) {
  // Through symbolic links: the entry that must last is the one in the directory where the file really is.
  char resolved[PATH_MAX];
  std::string directory = DirectoryOf(::realpath(path.c_str(), resolved) != nullptr ? resolved : path);
  dev_t device = 0;
  for (bool first = true;; first = false) {
    File opened;
    Error error = Open(directory, O_RDONLY | O_DIRECTORY, &opened);
    if (error && error.number != EACCES && error.number != EPERM) return error;
    if (!error) {
      struct stat status;
      if (system_calls.fstat(opened.handle(), &status) != 0) return Failed("fstat");
      if (!first && status.st_dev != device) return {};
      device = status.st_dev;
      error = SyncDescriptor(opened.handle(), Durability::kFull);
      // EINVAL, ENOTSUP: a file system whose directories cannot be synced, as fsync(2) allows.
      if (error && error.number != EINVAL && error.number != ENOTSUP && error.number != EROFS) return error;
    }
    const std::string parent = DirectoryOf(directory);
    if (!ancestors || parent == directory) return {};
    directory = parent;
  }
}

}  // namespace holdfast::os
