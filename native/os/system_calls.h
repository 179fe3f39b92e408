// Every system call of the POSIX files goes through this table, so that a test build can make each one fail
// (SQLite's os_unix.c has the same, as aSyscall). The test build is that of test/native, whose probe.cc has a
// wrapper for each member.
#ifndef HOLDFAST_OS_SYSTEM_CALLS_H_
#define HOLDFAST_OS_SYSTEM_CALLS_H_

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

namespace holdfast::os {

struct SystemCalls {
  int (*open)(const char* path, int flags, mode_t mode);
  int (*close)(int descriptor);
  int (*fstat)(int descriptor, struct stat* out);
  int (*stat)(const char* path, struct stat* out);
  ssize_t (*pread)(int descriptor, void* buffer, size_t length, off_t offset);
  ssize_t (*writev)(int descriptor, const struct iovec* parts, int count);
  int (*ftruncate)(int descriptor, off_t size);
  int (*fsync)(int descriptor);
  int (*fdatasync)(int descriptor);
  int (*mkdir)(const char* path, mode_t mode);
  int (*rename)(const char* from, const char* to);
  int (*unlink)(const char* path);
  int (*flock)(int descriptor, int operation);
  int (*fcntl_lock)(int descriptor, int command, struct flock* lock);
  int (*duplicate)(int descriptor);  // fcntl F_DUPFD_CLOEXEC
  int (*start_thread)(pthread_t* out, const pthread_attr_t* attributes, void* (*body)(void*), void* argument);
};

extern SystemCalls system_calls;

}  // namespace holdfast::os

#endif  // HOLDFAST_OS_SYSTEM_CALLS_H_
