#include "lock/waiting_mark.h"

#ifdef __linux__

#include <fcntl.h>

#include "os/system_calls.h"

namespace holdfast::lock {
namespace {

struct flock TheByte(short type) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = off_t{1} << 62;
  lock.l_len = 1;
  return lock;
}

// A failure is as if nobody waited.
void Set(const os::File& file, short type) {
  struct flock lock = TheByte(type);
  os::system_calls.fcntl(file.handle(), F_OFD_SETLK, &lock);
}

}  // namespace

void MarkWaiting(const os::File& file) {
  Set(file, F_RDLCK);
}

void UnmarkWaiting(const os::File& file) {
  if (file.is_open()) Set(file, F_UNLCK);
}

bool SomebodyWaits(const os::File& file) {
  struct flock lock = TheByte(F_WRLCK);
  return os::system_calls.fcntl(file.handle(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace holdfast::lock

#else

namespace holdfast::lock {

void MarkWaiting(const os::File&) {}
void UnmarkWaiting(const os::File&) {}
bool SomebodyWaits(const os::File&) {
  return false;
}

}  // namespace holdfast::lock

#endif
