// Every system call of the POSIX files that a file, a directory or the system can make fail goes through this
// table, so that a test build can make each one fail (SQLite's os_unix.c has the same, as aSyscall). The test
// build is that of test/native: its probe.cc has a wrapper for each entry, and does not compile without.
//
// Not in it: what sets up signals and reads the clock, which can only fail for wrong arguments, and the
// dynamic loader.
#ifndef HOLDFAST_OS_SYSTEM_CALLS_H_
#define HOLDFAST_OS_SYSTEM_CALLS_H_

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __linux__
#include <sys/vfs.h>
#include <sys/xattr.h>
#else
#include <sys/acl.h>
#include <sys/mount.h>
#include <sys/param.h>
#endif

namespace holdfast::os {

// An entry of the table: called like the function that it stands for.
template <typename Function>
struct SystemCall;

template <typename Result, typename... Arguments>
struct SystemCall<Result(Arguments...)> {
  const char* name;
  Result (*function)(Arguments...);
  Result operator()(Arguments... arguments) const { return function(arguments...); }
};

// ENTRY(name, type) for each entry. `dup` is fcntl's F_DUPFD_CLOEXEC, `fcntl` its locks, `full_fsync` its
// F_FULLFSYNC on macOS. `getrandom` is getentropy there. fdatasync is fsync on macOS, which has it, but does
// not document it.
#define HOLDFAST_SYSTEM_CALLS(ENTRY)                                                                  \
  ENTRY(open, int(const char* path, int flags, mode_t mode))                                          \
  ENTRY(close, int(int descriptor))                                                                   \
  ENTRY(dup, int(int descriptor))                                                                     \
  ENTRY(fstat, int(int descriptor, struct stat* out))                                                 \
  ENTRY(stat, int(const char* path, struct stat* out))                                                \
  ENTRY(lstat, int(const char* path, struct stat* out))                                               \
  ENTRY(fchmod, int(int descriptor, mode_t mode))                                                     \
  ENTRY(fchown, int(int descriptor, uid_t user, gid_t group))                                         \
  ENTRY(fstatfs, int(int descriptor, struct statfs* out))                                             \
  ENTRY(statfs, int(const char* path, struct statfs* out))                                            \
  ENTRY(lseek, off_t(int descriptor, off_t offset, int whence))                                       \
  ENTRY(pread, ssize_t(int descriptor, void* buffer, size_t length, off_t offset))                    \
  ENTRY(pwrite, ssize_t(int descriptor, const void* buffer, size_t length, off_t offset))             \
  ENTRY(writev, ssize_t(int descriptor, const struct iovec* parts, int count))                        \
  ENTRY(futimens, int(int descriptor, const struct timespec times[2]))                                \
  ENTRY(ftruncate, int(int descriptor, off_t size))                                                   \
  ENTRY(fsync, int(int descriptor))                                                                   \
  ENTRY(fdatasync, int(int descriptor))                                                               \
  ENTRY(mkdir, int(const char* path, mode_t mode))                                                    \
  ENTRY(rename, int(const char* from, const char* to))                                                \
  ENTRY(link, int(const char* from, const char* to))                                                  \
  ENTRY(unlink, int(const char* path))                                                                \
  ENTRY(readlink, ssize_t(const char* path, char* buffer, size_t length))                             \
  ENTRY(realpath, char*(const char* path, char* buffer))                                              \
  ENTRY(opendir, DIR*(const char* path))                                                              \
  ENTRY(readdir, struct dirent*(DIR * directory))                                                     \
  ENTRY(closedir, int(DIR * directory))                                                               \
  ENTRY(flock, int(int descriptor, int operation))                                                    \
  ENTRY(fcntl, int(int descriptor, int command, struct flock* lock))                                  \
  ENTRY(poll, int(struct pollfd * polled, nfds_t count, int milliseconds))                            \
  ENTRY(geteuid, uid_t())                                                                             \
  ENTRY(getrandom, ssize_t(void* out, size_t length))                                                 \
  ENTRY(pthread_create,                                                                               \
        int(pthread_t * out, const pthread_attr_t* attributes, void* (*body)(void*), void* argument)) \
  HOLDFAST_MORE_SYSTEM_CALLS(ENTRY)

#ifdef __APPLE__
#define HOLDFAST_MORE_SYSTEM_CALLS(ENTRY)  \
  ENTRY(full_fsync, int(int descriptor))   \
  ENTRY(acl_get_fd, acl_t(int descriptor)) \
  ENTRY(acl_set_fd, int(int descriptor, acl_t acl))
#else
#define HOLDFAST_MORE_SYSTEM_CALLS(ENTRY)                                                            \
  ENTRY(sync_file_range, int(int descriptor, off_t offset, off_t length, unsigned flags))            \
  ENTRY(statx, int(int descriptor, int flags, unsigned mask, struct statx* out))                     \
  ENTRY(getxattr, ssize_t(const char* path, const char* name, void* value, size_t size))             \
  ENTRY(fgetxattr, ssize_t(int descriptor, const char* name, void* value, size_t size))              \
  ENTRY(fsetxattr, int(int descriptor, const char* name, const void* value, size_t size, int flags)) \
  ENTRY(fremovexattr, int(int descriptor, const char* name))
#endif

struct SystemCalls {
#define HOLDFAST_MEMBER(name, ...) SystemCall<__VA_ARGS__> name;
  HOLDFAST_SYSTEM_CALLS(HOLDFAST_MEMBER)
#undef HOLDFAST_MEMBER
};

extern SystemCalls system_calls;

}  // namespace holdfast::os

#endif  // HOLDFAST_OS_SYSTEM_CALLS_H_
