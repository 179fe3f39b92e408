// Keeps the addon loadable on old Linux systems, and on those with musl: links the few functions that the
// tool chain of today would take from a newer C or C++ library to what every version has, musl too.
//
// Building on a system with a newer glibc binds each function to its newest version there, although the old
// one is the same or would do. The definitions below stand in for those, inside the addon only (exports.map
// lets nobody else see them). The floor that they keep is checked by test/prebuilds.test.ts. musl's symbols
// have no versions; __xstat and the like it has for programs that were linked with glibc.

// Here are the functions that its checks call.
#undef _FORTIFY_SOURCE
#include <features.h>

#if defined(__GLIBC__) && (defined(__x86_64__) || defined(__aarch64__))

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <time.h>

#include <condition_variable>
#include <memory>
#include <typeinfo>

// The first version of glibc for the machine, and the number by which its stat functions know struct stat.
#ifdef __x86_64__
#define HOLDFAST_BASE "GLIBC_2.2.5"
#define HOLDFAST_STAT_VERSION 1
#else
#define HOLDFAST_BASE "GLIBC_2.17"
#define HOLDFAST_STAT_VERSION 0
#endif
#define HOLDFAST_OLD(name) __asm__(".symver holdfast_" #name "," #name "@" HOLDFAST_BASE)

extern "C" {

// What _FORTIFY_SOURCE calls in place of memcpy and the like, with the bytes that there are to write to. musl
// has none of them.
void* __memcpy_chk(void* to, const void* from, size_t length, size_t room) {
  if (length > room) __builtin_trap();
  return memcpy(to, from, length);
}

void* __memmove_chk(void* to, const void* from, size_t length, size_t room) {
  if (length > room) __builtin_trap();
  return memmove(to, from, length);
}

void* __memset_chk(void* to, int byte, size_t length, size_t room) {
  if (length > room) __builtin_trap();
  return memset(to, byte, length);
}

int __snprintf_chk(char* to, size_t length, int, size_t room, const char* format, ...) {
  if (length > room) __builtin_trap();
  va_list arguments;
  va_start(arguments, format);
  const int written = vsnprintf(to, length, format, arguments);
  va_end(arguments);
  return written;
}

// Moved from libpthread and libdl into libc in 2.32 and 2.34.
HOLDFAST_OLD(pthread_create);
int holdfast_pthread_create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) {
  return holdfast_pthread_create(thread, attributes, run, argument);
}

HOLDFAST_OLD(pthread_attr_setstacksize);
int holdfast_pthread_attr_setstacksize(pthread_attr_t*, size_t);
int pthread_attr_setstacksize(pthread_attr_t* attributes, size_t size) {
  return holdfast_pthread_attr_setstacksize(attributes, size);
}

HOLDFAST_OLD(pthread_kill);
int holdfast_pthread_kill(pthread_t, int);
int pthread_kill(pthread_t thread, int number) {
  return holdfast_pthread_kill(thread, number);
}

HOLDFAST_OLD(pthread_sigmask);
int holdfast_pthread_sigmask(int, const sigset_t*, sigset_t*);
int pthread_sigmask(int how, const sigset_t* now, sigset_t* before) {
  return holdfast_pthread_sigmask(how, now, before);
}

HOLDFAST_OLD(dladdr);
int holdfast_dladdr(const void*, Dl_info*);
int dladdr(const void* address, Dl_info* info) {
  return holdfast_dladdr(address, info);
}

HOLDFAST_OLD(dlopen);
void* holdfast_dlopen(const char*, int);
void* dlopen(const char* file, int mode) {
  return holdfast_dlopen(file, mode);
}

HOLDFAST_OLD(dlsym);
void* holdfast_dlsym(void*, const char*);

// Until 2.33 these were inline calls of what follows, which every version still has. (With 64-bit offsets
// asked for, the headers give stat, lstat and fstat, here as elsewhere, the names stat64, lstat64 and
// fstat64.)
HOLDFAST_OLD(__xstat);
int holdfast___xstat(int, const char*, struct stat*);
int stat(const char* path, struct stat* out) {
  return holdfast___xstat(HOLDFAST_STAT_VERSION, path, out);
}

HOLDFAST_OLD(__lxstat);
int holdfast___lxstat(int, const char*, struct stat*);
int lstat(const char* path, struct stat* out) {
  return holdfast___lxstat(HOLDFAST_STAT_VERSION, path, out);
}

HOLDFAST_OLD(__fxstat);
int holdfast___fxstat(int, int, struct stat*);
int fstat(int descriptor, struct stat* out) {
  return holdfast___fxstat(HOLDFAST_STAT_VERSION, descriptor, out);
}

// 2.28, for 32-bit machines.
HOLDFAST_OLD(fcntl);
int holdfast_fcntl(int, int, ...);
int fcntl(int descriptor, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  return holdfast_fcntl(descriptor, command, argument);
}

// 2.32. False: libstdc++ takes the path with atomic operations, which is always right.
char __libc_single_threaded = 0;

// 2.30, and not in musl: waiting by the monotonic clock. Before, libstdc++ waited by the wall clock and
// looked again at the monotonic one, and so does this where the system has nothing better. (In musl no change
// of the wall clock touches a wait that has begun: __timedwait.c hands the kernel a duration.)
using ClockWait = int (*)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const struct timespec*);
int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const struct timespec* deadline) {
  static const auto system =
      reinterpret_cast<ClockWait>(holdfast_dlsym(RTLD_DEFAULT, "pthread_cond_clockwait"));
  if (system != nullptr) return system(condition, mutex, clock, deadline);
  constexpr long kSecond = 1000000000;
  struct timespec now, wall;
  clock_gettime(clock, &now);
  clock_gettime(CLOCK_REALTIME, &wall);
  wall.tv_sec += deadline->tv_sec - now.tv_sec;
  wall.tv_nsec += deadline->tv_nsec - now.tv_nsec;
  if (wall.tv_nsec < 0) {
    wall.tv_sec--;
    wall.tv_nsec += kSecond;
  } else if (wall.tv_nsec >= kSecond) {
    wall.tv_sec++;
    wall.tv_nsec -= kSecond;
  }
  return pthread_cond_timedwait(condition, mutex, &wall);
}

#ifdef __aarch64__
// How GCC's atomic operations ask what the processor can do (libgcc, lse-init.c): a name that only glibc has.
unsigned long __getauxval(unsigned long type) {
  return getauxval(type);
}
#endif

// GCC 12 made it noexcept, under a new version of the same name.
__asm__(
    ".symver holdfast_wait,"
    "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE@GLIBCXX_3.4.11");
void holdfast_wait(std::condition_variable*, std::unique_lock<std::mutex>*);

[[noreturn]] void __cxa_throw_bad_array_new_length();

}  // extern "C"

namespace std {

void condition_variable::wait(unique_lock<mutex>& lock) noexcept {
  holdfast_wait(this, &lock);
}

// GCC 11.
void __throw_bad_array_new_length() {
  __cxa_throw_bad_array_new_length();
}

// GCC 9. Asked only after the addresses were found to differ, and in here is only one.
bool _Sp_make_shared_tag::_S_eq(const type_info&) noexcept {
  return false;
}

}  // namespace std

#endif  // __GLIBC__
