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

}  // namespace holdfast::os

#endif  // HOLDFAST_OS_WINDOWS_H_
