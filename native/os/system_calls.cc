#include "os/system_calls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#else
#include <sys/random.h>
#endif

namespace holdfast::os {
namespace {

// What each entry of the table stands for, by its name there.
namespace system {

using ::close;
using ::closedir;
using ::fchmod;
using ::fchown;
using ::flock;
using ::fstatfs;
using ::fsync;
using ::ftruncate;
using ::futimens;
using ::geteuid;
using ::link;
using ::lseek;
using ::mkdir;
using ::opendir;
using ::poll;
using ::pread;
using ::pthread_create;
using ::pwrite;
using ::readdir;
using ::readlink;
using ::realpath;
using ::rename;
using ::statfs;
using ::unlink;
using ::writev;

int open(const char* path, int flags, mode_t mode) {
  return ::open(path, flags, mode);
}

int dup(int descriptor) {
  return ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
}

// glibc has had these three as functions only since 2.33; see glibc_compat.cc.
int fstat(int descriptor, struct stat* out) {
  return ::fstat(descriptor, out);
}
int stat(const char* path, struct stat* out) {
  return ::stat(path, out);
}
int lstat(const char* path, struct stat* out) {
  return ::lstat(path, out);
}

int fcntl(int descriptor, int command, struct flock* lock) {
  return ::fcntl(descriptor, command, lock);
}

#ifdef __APPLE__
int fdatasync(int descriptor) {
  return ::fsync(descriptor);
}

int full_fsync(int descriptor) {
  return ::fcntl(descriptor, F_FULLFSYNC);
}

using ::acl_get_fd;
using ::acl_set_fd;

ssize_t getrandom(void* out, size_t length) {
  return ::getentropy(out, length);
}
#else
using ::fdatasync;
using ::fgetxattr;
using ::fremovexattr;
using ::fsetxattr;
using ::getxattr;
using ::sync_file_range;

// Not by its name in the C library, which has had it only since glibc 2.25.
ssize_t getrandom(void* out, size_t length) {
  return ::syscall(SYS_getrandom, out, length, 0);
}

// Likewise, since glibc 2.28.
int statx(int descriptor, int flags, unsigned mask, struct statx* out) {
#ifdef SYS_statx
  return static_cast<int>(::syscall(SYS_statx, descriptor, "", AT_EMPTY_PATH | flags, mask, out));
#else
  static_cast<void>(descriptor), static_cast<void>(flags), static_cast<void>(mask), static_cast<void>(out);
  errno = ENOSYS;
  return -1;
#endif
}
#endif

}  // namespace system
}  // namespace

SystemCalls system_calls = {
#define HOLDFAST_ENTRY(name, ...) {#name, system::name},
    HOLDFAST_SYSTEM_CALLS(HOLDFAST_ENTRY)
#undef HOLDFAST_ENTRY
};

}  // namespace holdfast::os
