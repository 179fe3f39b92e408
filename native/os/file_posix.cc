// File operations on Linux and macOS.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/sysmacros.h>
#endif
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

#include "os/directory.h"
#include "os/file.h"
#include "os/posix.h"
#include "os/system_calls.h"

namespace holdfast::os {

namespace {

#ifdef __linux__
// Named as in linux/magic.h, which not every tool chain has; the last two are from the sources of OpenZFS and
// bcachefs-tools.
constexpr uint32_t kExt4SuperMagic = 0xef53;  // ext2 and ext3 as well
constexpr uint32_t kXfsSuperMagic = 0x58465342;
constexpr uint32_t kBtrfsSuperMagic = 0x9123683e;
constexpr uint32_t kTmpfsMagic = 0x01021994;
constexpr uint32_t kRamfsMagic = 0x858458f6;
constexpr uint32_t kOverlayfsSuperMagic = 0x794c7630;
constexpr uint32_t kF2fsSuperMagic = 0xf2f52010;
constexpr uint32_t kZfsSuperMagic = 0x2fc12fc1;
constexpr uint32_t kBcachefsSuperMagic = 0xca451a4e;
#endif

}  // namespace

bool IsLocalFileSystem(const struct statfs& status) {
#ifdef __linux__
  switch (static_cast<uint32_t>(status.f_type)) {
    case kExt4SuperMagic:
    case kXfsSuperMagic:
    case kBtrfsSuperMagic:
    case kTmpfsMagic:
    case kRamfsMagic:
    case kOverlayfsSuperMagic:
    case kF2fsSuperMagic:
    case kZfsSuperMagic:
    case kBcachefsSuperMagic:
      return true;
    default:
      return false;
  }
#else
  return (status.f_flags & MNT_LOCAL) != 0;
#endif
}

Error File::CloseHandle(Handle handle) {
  // Not called again after EINTR: the descriptor is gone on Linux, and may be somebody else's by then.
  return system_calls.close(handle) == 0 || errno == EINTR ? Error{} : Failed("close");
}

File::Handle File::OfDescriptor(int number) {
  return number;
}

int File::ReleaseDescriptor() {
  return std::exchange(handle_, kNone);
}

bool File::KnownDevice(Handle handle, uint64_t* out) {
#ifdef STATX_BTIME
  struct statx status;
  if (system_calls.statx(handle, AT_STATX_DONT_SYNC, 0, &status) != 0) return false;
  *out = makedev(status.stx_dev_major, status.stx_dev_minor);
  return true;
#else
  static_cast<void>(handle), static_cast<void>(out);
  return false;
#endif
}

Error File::Duplicate(Handle handle, File* out) {
  const int descriptor = system_calls.dup(handle);
  if (descriptor == -1) return Failed("dup");
  *out = File(descriptor);
  return {};
}

Error File::Id(FileId* out) const {
  struct stat status;
  if (system_calls.fstat(handle_, &status) != 0) return Failed("fstat");
  *out = {static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino)};
  return {};
}

Error File::Links(uint64_t* out) const {
  struct stat status;
  if (system_calls.fstat(handle_, &status) != 0) return Failed("fstat");
  *out = static_cast<uint64_t>(status.st_nlink);
  return {};
}

Error File::CheckRegular() const {
  struct stat status;
  if (system_calls.fstat(handle_, &status) != 0) return Failed("fstat");
  if (S_ISDIR(status.st_mode)) return {EISDIR, "open"};
  return S_ISREG(status.st_mode) ? Error{} : Error{EEXIST, "open"};
}

Error File::Size(uint64_t* out) const {
  struct stat status;
  if (system_calls.fstat(handle_, &status) != 0) return Failed("fstat");
  *out = static_cast<uint64_t>(status.st_size);
  return {};
}

Error File::Times(FileTimes* out) const {
  using std::chrono::milliseconds;
  const auto time_of = [](const auto& time) {
    return milliseconds(static_cast<int64_t>(time.tv_sec) * 1000 + time.tv_nsec / 1'000'000);
  };
#ifdef STATX_BTIME
  struct statx extended;
  if (system_calls.statx(handle_, 0, STATX_BASIC_STATS | STATX_BTIME, &extended) == 0) {
    out->id = {makedev(extended.stx_dev_major, extended.stx_dev_minor), extended.stx_ino};
    out->born.reset();
    if ((extended.stx_mask & STATX_BTIME) != 0) out->born = time_of(extended.stx_btime);
    out->modified = time_of(extended.stx_mtime);
    out->changed = time_of(extended.stx_ctime);
    return {};
  }
#endif
  struct stat status;
  if (system_calls.fstat(handle_, &status) != 0) return Failed("fstat");
  out->id = {static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino)};
#ifdef __APPLE__
  out->born = time_of(status.st_birthtimespec);
  out->modified = time_of(status.st_mtimespec);
  out->changed = time_of(status.st_ctimespec);
#else
  out->born.reset();
  out->modified = time_of(status.st_mtim);
  out->changed = time_of(status.st_ctim);
#endif
  return {};
}

Error File::Touch() const {
  return system_calls.futimens(handle_, nullptr) == 0 ? Error{} : Failed("futimens");
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

bool File::IsHole(uint64_t offset, uint64_t length) const {
  // The offset of the descriptor, which this moves, is of no use to a file that is read and appended to.
  const off_t data = system_calls.lseek(handle_, static_cast<off_t>(offset), SEEK_DATA);
  return data == -1 ? errno == ENXIO : static_cast<uint64_t>(data) >= offset + length;
}

Error File::Append(const char* prefix, size_t prefix_length, const char* data, size_t length) const {
  // Linux and macOS refuse or shorten writes near 2 GiB; what is left goes into the next call.
  constexpr size_t kMaxBytesAtOnce = size_t{1} << 30;
  struct iovec parts[2] = {{const_cast<char*>(prefix), prefix_length}, {const_cast<char*>(data), length}};
  while (parts[0].iov_len + parts[1].iov_len > 0) {
    struct iovec now[2] = {parts[0], {parts[1].iov_base, std::min(parts[1].iov_len, kMaxBytesAtOnce)}};
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

Error File::WriteAt(uint64_t offset, const char* data, size_t length) const {
  while (length > 0) {
    const ssize_t count =
        Retry([&] { return system_calls.pwrite(handle_, data, length, static_cast<off_t>(offset)); });
    if (count < 0) return Failed("write");
    if (count == 0) return {ENOSPC, "write"};
    data += count;
    length -= static_cast<size_t>(count);
    offset += static_cast<uint64_t>(count);
  }
  return {};
}

Error File::Truncate(uint64_t size) const {
  const int result = Retry([&] { return system_calls.ftruncate(handle_, static_cast<off_t>(size)); });
  return result == 0 ? Error{} : Failed("ftruncate");
}

Error File::Sync(Durability durability) const {
  if (durability == Durability::kNone) return {};
#ifdef __APPLE__
  // fsync on macOS stops at the drive's cache; F_FULLFSYNC goes through it. File systems that have no such
  // command refuse it, and fsync is then the best there is (fsync(2) on macOS).
  if (durability == Durability::kFull) {
    if (system_calls.full_fsync(handle_) == 0) return {};
    if (errno != ENOTSUP && errno != EINVAL && errno != ENOTTY) return Failed("fcntl");
  }
#endif
  // No retry after a failure, EINTR included: once a sync has failed, a later one that succeeds proves
  // nothing.
  if (durability == Durability::kData) {
    return system_calls.fdatasync(handle_) == 0 ? Error{} : Failed("fdatasync");
  }
  return system_calls.fsync(handle_) == 0 ? Error{} : Failed("fsync");
}

bool File::IsLocal() const {
  struct statfs status;
  return system_calls.fstatfs(handle_, &status) == 0 && IsLocalFileSystem(status);
}

#ifdef __linux__
bool TellsOfLostWrites(const File& file) {
  // On 32 bits, the kernel answers for pages that it can number, and LostWrite asks for one that it cannot.
  if (sizeof(long) < 8) return false;
  struct statfs status;
  if (system_calls.fstatfs(file.handle(), &status) != 0) return false;
  const auto type = static_cast<uint32_t>(status.f_type);
  return type == kExt4SuperMagic || type == kXfsSuperMagic || type == kBtrfsSuperMagic ||
         type == kF2fsSuperMagic || type == kTmpfsMagic;
}

Error LostWrite(const File& file) {
  // Waits for the pages among these bytes, of which there are none, and answers as a sync would.
  constexpr off_t kFar = off_t{1} << 62;
  const int result = system_calls.sync_file_range(file.handle(), kFar, 1, SYNC_FILE_RANGE_WAIT_BEFORE);
  return result == 0 ? Error{} : Failed("sync_file_range");
}
#endif

Error Identify(const std::string& path, FileId* out) {
  struct stat status;
  if (system_calls.stat(path.c_str(), &status) != 0) return Failed("stat");
  *out = {static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino)};
  return {};
}

Error Rename(const std::string& from, const std::string& to) {
  return system_calls.rename(from.c_str(), to.c_str()) == 0 ? Error{} : Failed("rename");
}

Error Link(const std::string& from, const std::string& to) {
  return system_calls.link(from.c_str(), to.c_str()) == 0 ? Error{} : Failed("link");
}

bool IsWithoutLinks(const Error& error) {
  // EPERM: so vfat says, and so does Linux where the file is not ours to link (fs.protected_hardlinks).
  return error.number == EPERM || error.number == ENOTSUP || error.number == EOPNOTSUPP ||
         error.number == ENOSYS || error.number == EMLINK;
}

Error Remove(const std::string& path) {
  return system_calls.unlink(path.c_str()) == 0 ? Error{} : Failed("unlink");
}

}  // namespace holdfast::os
