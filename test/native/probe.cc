// Lets a test watch, hold and fail the system calls of another process: those of the addon through their
// table, and those that node:fs makes by standing before them, where this library is preloaded (LD_PRELOAD).
//
// Every call that is about HOLDFAST_PROBE_DIRECTORY, or about something under it, is first told to the test
// over the Unix socket HOLDFAST_PROBE_SOCKET, as one line
//   <process> <call> <argument> <path>
// and waits for the answer of the test, one line too:
//   go         make the call
//   fail <n>   do not; return -1 with errno n
//   short <n>  make it with the first n bytes only (writev, write, pread)
//   skip       do not, and return success all the same
//   last <n>   make it, and give the last byte that it read the value n (pread)
//   tell       make it, then say `<result> <errno>`, and go on after one more line from the test
// A call that waits for its answer holds up its own thread and no other: each has a connection of its own.
// When the test is gone, calls go on. A call with two paths (rename) has a tab between them.
//
// HOLDFAST_PROBE_ALLOCATION=n lets the n-th allocation of the addon fail, `n+` all from there on.
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
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
      for (char next;;) {
        const ssize_t count = ::recv(socket_, &next, 1, 0);
        if (count == -1 && errno == EINTR) continue;  // the signal that ends a wait for a lock
        if (count == 1 && next == '\n') return reply;
        if (count != 1) break;
        reply += next;
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

// Asks, and does as it is told. `make` makes the call.
template <typename Make>
auto Watch(const char* call, long argument, const std::string& path, Make make) -> decltype(make(Answer())) {
  const int before = errno;
  const bool outer = std::exchange(inside, true);
  const auto leave = [&](auto result) {
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
    return leave(decltype(make(answer)){-1});
  }
  if (answer.what == Answer::kSkip) return leave(decltype(make(answer)){0});
  const auto result = make(answer);
  if (answer.what == Answer::kTell) {
    const int number = errno;
    TheConnection().Ask(std::to_string(result) + " " + std::to_string(result == -1 ? number : 0) + "\n");
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

// One wrapper for each member of the table, in its order.
const SystemCalls watched = {
    [](const char* path, int flags, mode_t mode) {
      return Watch("open", flags, path, [&](Answer) { return real.open(path, flags, mode); });
    },
    [](int descriptor) {
      // Closed first: a close that fails has closed the descriptor all the same (close(2) on Linux).
      const std::string path = PathOf(descriptor);
      const int result = real.close(descriptor);
      return Watch("close", 0, path, [&](Answer) { return result; });
    },
    [](int descriptor, struct stat* out) {
      return Watch("fstat", 0, PathOf(descriptor), [&](Answer) { return real.fstat(descriptor, out); });
    },
    [](const char* path, struct stat* out) {
      return Watch("stat", 0, path, [&](Answer) { return real.stat(path, out); });
    },
    [](int descriptor, void* buffer, size_t length, off_t offset) {
      return Watch("pread", static_cast<long>(length), PathOf(descriptor), [&](Answer answer) {
        const size_t asked = Short(answer, length);
        const ssize_t count = real.pread(descriptor, buffer, asked, offset);
        if (answer.what == Answer::kLast && count > 0)
          static_cast<char*>(buffer)[count - 1] = static_cast<char>(answer.number);
        return count;
      });
    },
    [](int descriptor, const struct iovec* parts, int count) {
      size_t length = 0;
      for (int i = 0; i < count; i++) length += parts[i].iov_len;
      return Watch("writev", static_cast<long>(length), PathOf(descriptor), [&](Answer answer) {
        if (answer.what == Answer::kShort) return WriteFirst(answer.number, descriptor, parts, count);
        return real.writev(descriptor, parts, count);
      });
    },
    [](int descriptor, off_t size) {
      return Watch("ftruncate", size, PathOf(descriptor),
                   [&](Answer) { return real.ftruncate(descriptor, size); });
    },
    [](int descriptor) {
      return Watch("fsync", 0, PathOf(descriptor), [&](Answer) { return real.fsync(descriptor); });
    },
    [](int descriptor) {
      return Watch("fdatasync", 0, PathOf(descriptor), [&](Answer) { return real.fdatasync(descriptor); });
    },
    [](const char* path, mode_t mode) {
      return Watch("mkdir", 0, path, [&](Answer) { return real.mkdir(path, mode); });
    },
    [](const char* from, const char* to) {
      return Watch("rename", 0, Both(from, to), [&](Answer) { return real.rename(from, to); });
    },
    [](const char* path) { return Watch("unlink", 0, path, [&](Answer) { return real.unlink(path); }); },
    [](int descriptor, int operation) {
      const char* name = (operation & LOCK_UN) != 0 ? "unlock" : "flock";
      return Watch(name, operation, PathOf(descriptor),
                   [&](Answer) { return real.flock(descriptor, operation); });
    },
    [](int descriptor, int command, struct flock* lock) {
      return Watch("fcntl", command, PathOf(descriptor),
                   [&](Answer) { return real.fcntl_lock(descriptor, command, lock); });
    },
    [](int descriptor) {
      return Watch("dup", 0, PathOf(descriptor), [&](Answer) { return real.duplicate(descriptor); });
    },
    [](pthread_t* out, const pthread_attr_t* attributes, void* (*body)(void*), void* argument) {
      // Answers with the number itself in place of -1 and errno (pthread_create(3)).
      const int result = Watch("pthread_create", 0, directory, [&](Answer) {
        const int failure = real.start_thread(out, attributes, body, argument);
        errno = failure;
        return failure == 0 ? 0 : -1;
      });
      return result == 0 ? 0 : errno;
    },
};
static_assert(sizeof(SystemCalls) == 16 * sizeof(void (*)()), "a new system call: give it a wrapper above");

[[maybe_unused]] const bool watching =
    directory != nullptr && socket_path != nullptr && (system_calls = watched, true);

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

STANDS_BEFORE int fchmod(int descriptor, mode_t mode) noexcept {
  return WatchNode("fchmod", mode, descriptor, [&](Answer) { return REAL(fchmod)(descriptor, mode); });
}

STANDS_BEFORE int fchown(int descriptor, uid_t owner, gid_t group) noexcept {
  return WatchNode("fchown", owner, descriptor,
                   [&](Answer) { return REAL(fchown)(descriptor, owner, group); });
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
