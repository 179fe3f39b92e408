// What the Windows files share: the system's header, its error numbers as C's, its paths as ours.
#ifndef HOLDFAST_OS_WINDOWS_H_
#define HOLDFAST_OS_WINDOWS_H_

#ifndef NOMINMAX
#define NOMINMAX
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>

#include <string>

#include "os/file.h"

namespace holdfast::os {

// A call that failed with `code`, as errno: the number by whose name node:fs reports the same failure.
Error FailedWith(DWORD code, const char* syscall);

// The calling thread's last error.
Error Failed(const char* syscall);

// An absolute path in UTF-8 as Windows takes it, with the prefix that lifts the limit of 260 characters.
std::wstring ToWide(const std::string& path);

std::string ToUtf8(const wchar_t* text, size_t length);

// Opens a file whose handle no child process inherits, and that others may read, write, rename and remove
// meanwhile. `access`, `disposition` and `flags` are those of CreateFileW.
Error Open(const std::string& path, DWORD access, DWORD disposition, DWORD flags, File* out);

// For looking at it only. Directories too, and nobody's permission to read is needed.
Error OpenToIdentify(const std::string& path, File* out);

// By the path that the system itself has for the file, through links of every kind: `\\?\C:\…` on a drive of
// this machine, `\\?\UNC\…` on a network.
bool IsOnLocalDrive(HANDLE handle);

}  // namespace holdfast::os

#endif  // HOLDFAST_OS_WINDOWS_H_
