// Lets a test watch, hold and fail the system calls of another process: those of the addon through their
// table, and those that node:fs makes by standing before them, where this library is preloaded (LD_PRELOAD).
//
// Every call that is about HOLDFAST_PROBE_DIRECTORY, or about something under it, is first told to the test
// over the Unix socket HOLDFAST_PROBE_SOCKET, as one line
//   <process> <call> <argument> <path>
// and waits for the answer of the test, one line too:
//   go         make the call
//   fail <n>   do not; return -1, or a null pointer, with errno n
//   short <n>  make it with the first n bytes only (writev, write, pwrite, pread)
//   skip       do not, and return success all the same
//   last <n>   make it, and give the last byte that it read the value n (pread)
//   tell       make it, then say `<result> <errno>`, and go on after one more line from the test
// A call that waits for its answer holds up its own thread and no other: each has a connection of its own.
// When the test is gone, calls go on. A call with two paths (rename, link) has a tab between them.
//
// HOLDFAST_PROBE_CLOCK=n sets the clock of the process n seconds forward.
//
// HOLDFAST_PROBE_ALLOCATION=n lets the n-th allocation of the addon fail, `n+` all from there on.
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

#include "os/system_calls.h"

namespace holdfast::os {
namespace {

struct Answer {
  enum What { kGo, kFail, kShort, kSkip, kLast, kTell } what = kGo;
  long number = 0;
};

const SystemCalls real = system_calls;
const char* const directory = std::getenv("HOLDFAST_PROBE_DIRECTORY");
const char* const socket_path = std::getenv("HOLDFAST_PROBE_SOCKET");

// One thread's line to the test.
class Connection {
 public:
  Connection() : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    struct sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
    if (::connect(socket_, reinterpret_cast<struct sockaddr*>(&address), sizeof address) != 0) Hang();
  }
  ~Connection() { Hang(); }

  // One line to the test, and one line back; empty when the test is gone.
  std::string Ask(const std::string& line) {
    std::string reply;
    if (socket_ == -1) return reply;
    if (::send(socket_, line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size())) {
      for (char part[32];;) {
        const ssize_t count = ::recv(socket_, part, sizeof part, 0);
        if (count == -1 && errno == EINTR) continue;  // the signal that ends a wait for a lock
        if (count <= 0) break;
        reply.append(part, static_cast<size_t>(count));
        // The test says nothing more before the next line to it.
        if (reply.back() != '\n') continue;
        reply.pop_back();
        return reply;
      }
    }
    Hang();
    return {};
  }

 private:
  void Hang() {
    if (socket_ != -1) ::close(socket_);
    socket_ = -1;
  }
  int socket_;
};

Connection& TheConnection() {
  thread_local Connection connection;
  return connection;
}

Answer Ask(const char* call, long argument, const std::string& path) {
  const std::string reply = TheConnection().Ask(std::to_string(getpid()) + " " + call + " " +
                                                std::to_string(argument) + " " + path + "\n");
  static constexpr const char* kNames[] = {"go", "fail", "short", "skip", "last", "tell"};
  Answer answer;
  for (int what = 0; what <= Answer::kTell; what++) {
    const size_t length = std::strlen(kNames[what]);
    if (reply.compare(0, length, kNames[what]) != 0) continue;
    answer.what = static_cast<Answer::What>(what);
    answer.number = std::strtol(reply.c_str() + length, nullptr, 10);
  }
  return answer;
}

bool IsWatched(const char* path) {
  const size_t length = std::strlen(directory);
  return std::strncmp(path, directory, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

std::string PathOf(int descriptor) {
  char path[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t length = ::readlink(link.c_str(), path, sizeof path - 1);
  return std::string(path, length > 0 ? static_cast<size_t>(length) : 0);
}

// True while this thread is in a call of the addon, which was told of already.
thread_local bool inside = false;

// What a call answers that fails with errno; one that is skipped answers 0.
template <typename Result>
Result FailureOf() {
  if constexpr (std::is_pointer_v<Result>)
    return nullptr;
  else
    return static_cast<Result>(-1);
}

// Asks, and does as it is told. `make` makes the call.
template <typename Make>
auto Watch(const char* call, long argument, const std::string& path, Make make) -> decltype(make(Answer())) {
  using Result = decltype(make(Answer()));
  const int before = errno;
  const bool outer = std::exchange(inside, true);
  const auto leave = [&](Result result) {
    inside = outer;
    return result;
  };
  if (outer || !IsWatched(path.c_str())) {
    errno = before;
    return leave(make({}));
  }
  const Answer answer = Ask(call, argument, path);
  errno = before;
  if (answer.what == Answer::kFail) {
    errno = static_cast<int>(answer.number);
    return leave(FailureOf<Result>());
  }
  if (answer.what == Answer::kSkip) return leave(Result{});
  const Result result = make(answer);
  if (answer.what == Answer::kTell) {
    const int number = errno;
    const bool failed = result == FailureOf<Result>();
    long told = failed ? -1 : 0;
    if constexpr (!std::is_pointer_v<Result>) told = static_cast<long>(result);
    TheConnection().Ask(std::to_string(told) + " " + std::to_string(failed ? number : 0) + "\n");
    errno = number;
  }
  return leave(result);
}

// The two paths of a call, as the test is told of them.
std::string Both(const char* from, const char* to) {
  return std::string(from) + "\t" + to;
}

// How many of `length` bytes the call is made with.
size_t Short(Answer answer, size_t length) {
  return answer.what == Answer::kShort ? std::min(static_cast<size_t>(answer.number), length) : length;
}

ssize_t WriteFirst(long length, int descriptor, const struct iovec* parts, int count) {
  struct iovec first[16];
  size_t left = static_cast<size_t>(length);
  int used = 0;
  for (; used < count && used < 16 && left > 0; used++) {
    first[used] = parts[used];
    if (first[used].iov_len > left) first[used].iov_len = left;
    left -= first[used].iov_len;
  }
  return real.writev(descriptor, first, used);
}

// A wrapper for each entry of the table, by its name there.
namespace watched {

int open(const char* path, int flags, mode_t mode) {
  return Watch(real.open.name, flags, path, [&](Answer) { return real.open(path, flags, mode); });
}

int close(int descriptor) {
  // Closed first: a close that fails has closed the descriptor all the same (close(2) on Linux).
  const std::string path = PathOf(descriptor);
  const int result = real.close(descriptor);
  return Watch(real.close.name, 0, path, [&](Answer) { return result; });
}

int dup(int descriptor) {
  return Watch(real.dup.name, 0, PathOf(descriptor), [&](Answer) { return real.dup(descriptor); });
}

int fstat(int descriptor, struct stat* out) {
  return Watch(real.fstat.name, 0, PathOf(descriptor), [&](Answer) { return real.fstat(descriptor, out); });
}

int stat(const char* path, struct stat* out) {
  return Watch(real.stat.name, 0, path, [&](Answer) { return real.stat(path, out); });
}

int lstat(const char* path, struct stat* out) {
  return Watch(real.lstat.name, 0, path, [&](Answer) { return real.lstat(path, out); });
}

int fchmod(int descriptor, mode_t mode) {
  return Watch(real.fchmod.name, mode, PathOf(descriptor),
               [&](Answer) { return real.fchmod(descriptor, mode); });
}

int fchown(int descriptor, uid_t user, gid_t group) {
  return Watch(real.fchown.name, user, PathOf(descriptor),
               [&](Answer) { return real.fchown(descriptor, user, group); });
}

int fstatfs(int descriptor, struct statfs* out) {
  return Watch(real.fstatfs.name, 0, PathOf(descriptor),
               [&](Answer) { return real.fstatfs(descriptor, out); });
}

int statfs(const char* path, struct statfs* out) {
  return Watch(real.statfs.name, 0, path, [&](Answer) { return real.statfs(path, out); });
}

int statx(int descriptor, int flags, unsigned mask, struct statx* out) {
  return Watch(real.statx.name, mask, PathOf(descriptor),
               [&](Answer) { return real.statx(descriptor, flags, mask, out); });
}

ssize_t getxattr(const char* path, const char* name, void* value, size_t size) {
  return Watch(real.getxattr.name, 0, path, [&](Answer) { return real.getxattr(path, name, value, size); });
}

ssize_t fgetxattr(int descriptor, const char* name, void* value, size_t size) {
  return Watch(real.fgetxattr.name, 0, PathOf(descriptor),
               [&](Answer) { return real.fgetxattr(descriptor, name, value, size); });
}

int fsetxattr(int descriptor, const char* name, const void* value, size_t size, int flags) {
  return Watch(real.fsetxattr.name, 0, PathOf(descriptor),
               [&](Answer) { return real.fsetxattr(descriptor, name, value, size, flags); });
}

int fremovexattr(int descriptor, const char* name) {
  return Watch(real.fremovexattr.name, 0, PathOf(descriptor),
               [&](Answer) { return real.fremovexattr(descriptor, name); });
}

off_t lseek(int descriptor, off_t offset, int whence) {
  return Watch(real.lseek.name, offset, PathOf(descriptor),
               [&](Answer) { return real.lseek(descriptor, offset, whence); });
}

ssize_t pread(int descriptor, void* buffer, size_t length, off_t offset) {
  return Watch(real.pread.name, static_cast<long>(length), PathOf(descriptor), [&](Answer answer) {
    const size_t asked = Short(answer, length);
    const ssize_t count = real.pread(descriptor, buffer, asked, offset);
    if (answer.what == Answer::kLast && count > 0)
      static_cast<char*>(buffer)[count - 1] = static_cast<char>(answer.number);
    return count;
  });
}

ssize_t pwrite(int descriptor, const void* buffer, size_t length, off_t offset) {
  return Watch(real.pwrite.name, static_cast<long>(length), PathOf(descriptor),
               [&](Answer answer) { return real.pwrite(descriptor, buffer, Short(answer, length), offset); });
}

ssize_t writev(int descriptor, const struct iovec* parts, int count) {
  size_t length = 0;
  for (int i = 0; i < count; i++) length += parts[i].iov_len;
  return Watch(real.writev.name, static_cast<long>(length), PathOf(descriptor), [&](Answer answer) {
    if (answer.what == Answer::kShort) return WriteFirst(answer.number, descriptor, parts, count);
    return real.writev(descriptor, parts, count);
  });
}

int futimens(int descriptor, const struct timespec times[2]) {
  return Watch(real.futimens.name, 0, PathOf(descriptor),
               [&](Answer) { return real.futimens(descriptor, times); });
}

int ftruncate(int descriptor, off_t size) {
  return Watch(real.ftruncate.name, size, PathOf(descriptor),
               [&](Answer) { return real.ftruncate(descriptor, size); });
}

int fsync(int descriptor) {
  return Watch(real.fsync.name, 0, PathOf(descriptor), [&](Answer) { return real.fsync(descriptor); });
}

int fdatasync(int descriptor) {
  return Watch(real.fdatasync.name, 0, PathOf(descriptor),
               [&](Answer) { return real.fdatasync(descriptor); });
}

int sync_file_range(int descriptor, off_t offset, off_t length, unsigned flags) {
  return Watch(real.sync_file_range.name, 0, PathOf(descriptor),
               [&](Answer) { return real.sync_file_range(descriptor, offset, length, flags); });
}

int mkdir(const char* path, mode_t mode) {
  return Watch(real.mkdir.name, 0, path, [&](Answer) { return real.mkdir(path, mode); });
}

int rename(const char* from, const char* to) {
  return Watch(real.rename.name, 0, Both(from, to), [&](Answer) { return real.rename(from, to); });
}

int link(const char* from, const char* to) {
  return Watch(real.link.name, 0, Both(from, to), [&](Answer) { return real.link(from, to); });
}

int unlink(const char* path) {
  return Watch(real.unlink.name, 0, path, [&](Answer) { return real.unlink(path); });
}

ssize_t readlink(const char* path, char* buffer, size_t length) {
  return Watch(real.readlink.name, 0, path, [&](Answer) { return real.readlink(path, buffer, length); });
}

char* realpath(const char* path, char* buffer) {
  return Watch(real.realpath.name, 0, path, [&](Answer) { return real.realpath(path, buffer); });
}

DIR* opendir(const char* path) {
  return Watch(real.opendir.name, 0, path, [&](Answer) { return real.opendir(path); });
}

struct dirent* readdir(DIR* listed) {
  return Watch(real.readdir.name, 0, PathOf(dirfd(listed)), [&](Answer) { return real.readdir(listed); });
}

int closedir(DIR* listed) {
  const std::string path = PathOf(dirfd(listed));
  const int result = real.closedir(listed);
  return Watch(real.closedir.name, 0, path, [&](Answer) { return result; });
}

int flock(int descriptor, int operation) {
  const char* name = (operation & LOCK_UN) != 0 ? "unlock" : real.flock.name;
  return Watch(name, operation, PathOf(descriptor),
               [&](Answer) { return real.flock(descriptor, operation); });
}

int fcntl(int descriptor, int command, struct flock* lock) {
  const char* name = lock->l_type == F_UNLCK ? "unlock" : real.fcntl.name;
  return Watch(name, command, PathOf(descriptor),
               [&](Answer) { return real.fcntl(descriptor, command, lock); });
}

int poll(struct pollfd* polled, nfds_t count, int milliseconds) {
  return Watch(real.poll.name, milliseconds, directory,
               [&](Answer) { return real.poll(polled, count, milliseconds); });
}

// Never fails (geteuid(2)); one that is failed answers a user whom nobody is.
uid_t geteuid() {
  return Watch(real.geteuid.name, 0, directory, [&](Answer) { return real.geteuid(); });
}

ssize_t getrandom(void* out, size_t length) {
  return Watch(real.getrandom.name, static_cast<long>(length), directory,
               [&](Answer) { return real.getrandom(out, length); });
}

int pthread_create(pthread_t* out, const pthread_attr_t* attributes, void* (*body)(void*), void* argument) {
  // Answers with the number itself in place of -1 and errno (pthread_create(3)).
  const int result = Watch(real.pthread_create.name, 0, directory, [&](Answer) {
    const int failure = real.pthread_create(out, attributes, body, argument);
    errno = failure;
    return failure == 0 ? 0 : -1;
  });
  return result == 0 ? 0 : errno;
}

}  // namespace watched

void WatchAll() {
#define HOLDFAST_WATCH(name, ...) system_calls.name.function = watched::name;
  HOLDFAST_SYSTEM_CALLS(HOLDFAST_WATCH)
#undef HOLDFAST_WATCH
}

[[maybe_unused]] const bool watching = directory != nullptr && socket_path != nullptr && (WatchAll(), true);

bool AllocationFails() {
  static const char* const plan = std::getenv("HOLDFAST_PROBE_ALLOCATION");
  static std::atomic<long> count{0};
  if (plan == nullptr) return false;
  static const long failing = std::atol(plan);
  static const bool for_ever = std::strchr(plan, '+') != nullptr;
  const long now = ++count;
  return now == failing || (for_ever && now > failing);
}

}  // namespace
}  // namespace holdfast::os

// What node:fs calls. The same calls of the addon come through here too, from inside of the wrappers above.
#define REAL(name) (reinterpret_cast<decltype(&name)>(dlsym(RTLD_NEXT, #name)))
#define STANDS_BEFORE extern "C" __attribute__((visibility("default")))

namespace {

template <typename Make>
auto WatchNode(const char* call, long argument, const char* path, Make make) {
  using holdfast::os::Answer;
  if (!holdfast::os::watching || holdfast::os::inside) return make({});
  return holdfast::os::Watch(call, argument, path, make);
}

template <typename Make>
auto WatchNode(const char* call, long argument, int descriptor, Make make) {
  if (!holdfast::os::watching || holdfast::os::inside) return make({});
  const int before = errno;
  const std::string path = holdfast::os::PathOf(descriptor);
  errno = before;
  return holdfast::os::Watch(call, argument, path, make);
}

using holdfast::os::Answer;

}  // namespace

STANDS_BEFORE int clock_gettime(clockid_t clock, struct timespec* out) noexcept {
  static const char* const ahead = std::getenv("HOLDFAST_PROBE_CLOCK");
  const int result = REAL(clock_gettime)(clock, out);
  if (result == 0 && ahead != nullptr && clock == CLOCK_REALTIME) out->tv_sec += std::atol(ahead);
  return result;
}

STANDS_BEFORE int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return WatchNode("open", flags, path, [&](Answer) { return REAL(open64)(path, flags, mode); });
}

STANDS_BEFORE ssize_t pread64(int descriptor, void* buffer, size_t length, off64_t offset) {
  return WatchNode("pread", static_cast<long>(length), descriptor,
                   [&](Answer) { return REAL(pread64)(descriptor, buffer, length, offset); });
}

STANDS_BEFORE ssize_t write(int descriptor, const void* buffer, size_t length) {
  return WatchNode("write", static_cast<long>(length), descriptor, [&](Answer answer) {
    const size_t asked = holdfast::os::Short(answer, length);
    return REAL(write)(descriptor, buffer, asked);
  });
}

STANDS_BEFORE int fsync(int descriptor) {
  return WatchNode("fsync", 0, descriptor, [&](Answer) { return REAL(fsync)(descriptor); });
}

STANDS_BEFORE int fdatasync(int descriptor) {
  return WatchNode("fdatasync", 0, descriptor, [&](Answer) { return REAL(fdatasync)(descriptor); });
}

STANDS_BEFORE int rename(const char* from, const char* to) noexcept {
  return WatchNode("rename", 0, holdfast::os::Both(from, to).c_str(),
                   [&](Answer) { return REAL(rename)(from, to); });
}

STANDS_BEFORE int unlink(const char* path) noexcept {
  return WatchNode("unlink", 0, path, [&](Answer) { return REAL(unlink)(path); });
}

STANDS_BEFORE int mkdir(const char* path, mode_t mode) noexcept {
  return WatchNode("mkdir", mode, path, [&](Answer) { return REAL(mkdir)(path, mode); });
}

// Used by the addon alone and not by Node: it is linked with -Bsymbolic.
void* operator new(std::size_t size) {
  void* const memory = holdfast::os::AllocationFails() ? nullptr : std::malloc(size > 0 ? size : 1);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
