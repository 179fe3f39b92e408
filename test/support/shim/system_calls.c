// Lets a test watch, hold and fail the system calls of a child process. Linux with glibc only.
//
// Preloaded with LD_PRELOAD. Every call below that is about HOLDFAST_SHIM_DIRECTORY, or about something under
// it, is first reported over the Unix socket HOLDFAST_SHIM_SOCKET, as one line "<call> <path>", and waits for
// the answer of the test, one line too:
//   go         make the call
//   fail <n>   do not; return -1 with errno n
//   short <n>  (writev) write only the first n bytes
// A call that is waiting holds up its own thread and no other: each has a connection of its own. When the
// test is gone, calls go on.
//
// Node makes such calls for its own purposes. The directory keeps them out.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

enum { kGo, kFail, kShort };
struct answer {
  int what;
  long number;
};

static int is_watched(const char* path) {
  const char* directory = getenv("HOLDFAST_SHIM_DIRECTORY");
  if (directory == NULL) return 0;
  const size_t length = strlen(directory);
  return strncmp(path, directory, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

// One line to the test, and one line back.
static int converse(int connection, const char* call, const char* path, char* reply, size_t size) {
  char line[PATH_MAX + 32];
  const int length = snprintf(line, sizeof line, "%s %s\n", call, path);
  if (send(connection, line, length, MSG_NOSIGNAL) != length) return -1;
  size_t filled = 0;
  while (filled + 1 < size) {
    const ssize_t count = recv(connection, reply + filled, 1, 0);
    if (count == -1 && errno == EINTR) continue;  // the signal that ends a wait for a lock
    if (count <= 0) return -1;
    if (reply[filled] == '\n') break;
    filled++;
  }
  reply[filled] = '\0';
  return 0;
}

static struct answer ask(const char* call, const char* path) {
  struct answer answer = {kGo, 0};
  if (!is_watched(path)) return answer;
  const int saved = errno;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", getenv("HOLDFAST_SHIM_SOCKET"));
  const int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  char reply[64];
  if (connect(connection, (struct sockaddr*)&address, sizeof address) == 0 &&
      converse(connection, call, path, reply, sizeof reply) == 0) {
    if (sscanf(reply, "fail %ld", &answer.number) == 1) answer.what = kFail;
    if (sscanf(reply, "short %ld", &answer.number) == 1) answer.what = kShort;
  }
  close(connection);
  errno = saved;
  return answer;
}

static struct answer ask_about(const char* call, int descriptor) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return (struct answer){kGo, 0};
  path[length] = '\0';
  return ask(call, path);
}

static int fails(struct answer answer) {
  if (answer.what != kFail) return 0;
  errno = (int)answer.number;
  return 1;
}

int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return fails(ask("open", path)) ? -1 : REAL(open64)(path, flags, mode);
}

int mkdir(const char* path, mode_t mode) {
  return fails(ask("mkdir", path)) ? -1 : REAL(mkdir)(path, mode);
}

// The addon calls the old names; see native/os/floor_glibc.cc.
int __xstat64(int version, const char* path, struct stat64* out) {
  return fails(ask("stat", path)) ? -1 : REAL(__xstat64)(version, path, out);
}

int __fxstat64(int version, int descriptor, struct stat64* out) {
  return fails(ask_about("fstat", descriptor)) ? -1 : REAL(__fxstat64)(version, descriptor, out);
}

int flock(int descriptor, int operation) {
  const char* name = (operation & LOCK_UN) != 0 ? "unlock" : "flock";
  return fails(ask_about(name, descriptor)) ? -1 : REAL(flock)(descriptor, operation);
}

int fcntl(int descriptor, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  const int locks = command == F_OFD_SETLK || command == F_OFD_SETLKW;
  if (locks && fails(ask_about("fcntl", descriptor))) return -1;
  return REAL(fcntl)(descriptor, command, argument);
}

ssize_t pread64(int descriptor, void* buffer, size_t length, off64_t offset) {
  return fails(ask_about("pread", descriptor)) ? -1 : REAL(pread64)(descriptor, buffer, length, offset);
}

ssize_t write(int descriptor, const void* buffer, size_t length) {
  return fails(ask_about("write", descriptor)) ? -1 : REAL(write)(descriptor, buffer, length);
}

ssize_t writev(int descriptor, const struct iovec* parts, int count) {
  const struct answer answer = ask_about("writev", descriptor);
  if (fails(answer)) return -1;
  if (answer.what != kShort) return REAL(writev)(descriptor, parts, count);
  struct iovec first[16];
  size_t left = (size_t)answer.number;
  int used = 0;
  for (; used < count && used < 16 && left > 0; used++) {
    first[used] = parts[used];
    if (first[used].iov_len > left) first[used].iov_len = left;
    left -= first[used].iov_len;
  }
  return REAL(writev)(descriptor, first, used);
}

int ftruncate64(int descriptor, off64_t length) {
  return fails(ask_about("ftruncate", descriptor)) ? -1 : REAL(ftruncate64)(descriptor, length);
}

int fsync(int descriptor) {
  return fails(ask_about("fsync", descriptor)) ? -1 : REAL(fsync)(descriptor);
}

int fdatasync(int descriptor) {
  return fails(ask_about("fdatasync", descriptor)) ? -1 : REAL(fdatasync)(descriptor);
}

int fchmod(int descriptor, mode_t mode) {
  return fails(ask_about("fchmod", descriptor)) ? -1 : REAL(fchmod)(descriptor, mode);
}

int fchown(int descriptor, uid_t owner, gid_t group) {
  return fails(ask_about("fchown", descriptor)) ? -1 : REAL(fchown)(descriptor, owner, group);
}

int rename(const char* from, const char* to) {
  return fails(ask("rename", from)) ? -1 : REAL(rename)(from, to);
}

int unlink(const char* path) {
  return fails(ask("unlink", path)) ? -1 : REAL(unlink)(path);
}
