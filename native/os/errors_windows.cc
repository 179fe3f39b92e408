// The error numbers of Windows as those of C.
#include <errno.h>

#include "os/windows.h"

namespace holdfast::os {

Error FailedWith(DWORD code, const char* syscall) {
  switch (code) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_DRIVE:
    case ERROR_INVALID_NAME:
    case ERROR_BAD_PATHNAME:
    case ERROR_BAD_NETPATH:
    case ERROR_BAD_NET_NAME:
    case ERROR_MOD_NOT_FOUND:
      return {ENOENT, syscall};
    case ERROR_DIRECTORY:
      return {ENOTDIR, syscall};
    case ERROR_ACCESS_DENIED:
    case ERROR_PRIVILEGE_NOT_HELD:
      return {EPERM, syscall};
    case ERROR_NOACCESS:
      return {EACCES, syscall};
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION:
    case ERROR_PIPE_BUSY:
    case ERROR_USER_MAPPED_FILE:
      return {EBUSY, syscall};
    case ERROR_ALREADY_EXISTS:
    case ERROR_FILE_EXISTS:
      return {EEXIST, syscall};
    case ERROR_DIR_NOT_EMPTY:
      return {ENOTEMPTY, syscall};
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
    case 1295:  // ERROR_DISK_QUOTA_EXCEEDED, which MinGW does not name
      return {ENOSPC, syscall};
    case ERROR_FILE_TOO_LARGE:
      return {EFBIG, syscall};
    case ERROR_WRITE_PROTECT:
      return {EROFS, syscall};
    case ERROR_TOO_MANY_OPEN_FILES:
      return {EMFILE, syscall};
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_NO_SYSTEM_RESOURCES:
    case ERROR_COMMITMENT_LIMIT:
      return {ENOMEM, syscall};
    case ERROR_FILENAME_EXCED_RANGE:
    case ERROR_BUFFER_OVERFLOW:
      return {ENAMETOOLONG, syscall};
    case ERROR_CANT_RESOLVE_FILENAME:
      return {ELOOP, syscall};
    case ERROR_NOT_SAME_DEVICE:
      return {EXDEV, syscall};
    case ERROR_INVALID_HANDLE:
      return {EBADF, syscall};
    case ERROR_INVALID_PARAMETER:
    case ERROR_NEGATIVE_SEEK:
      return {EINVAL, syscall};
    case ERROR_NOT_SUPPORTED:
    case ERROR_INVALID_FUNCTION:
    case ERROR_CALL_NOT_IMPLEMENTED:
      return {ENOTSUP, syscall};
    default:
      return {EIO, syscall};
  }
}

Error Failed(const char* syscall) {
  return FailedWith(::GetLastError(), syscall);
}

}  // namespace holdfast::os
