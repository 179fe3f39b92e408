// Directory operations on Windows.
#include <assert.h>

#include <cwchar>
#include <vector>

#include "os/directory.h"
#include "os/windows.h"

namespace holdfast::os {

Directory::~Directory() {
  if (handle_ != nullptr) ::FindClose(handle_);
}

Error Directory::Open(const std::string& path) {
  assert(handle_ == nullptr);
  const std::string all = path + (path.back() == '/' || path.back() == '\\' ? "*" : "\\*");
  WIN32_FIND_DATAW entry;
  const HANDLE search =
      ::FindFirstFileExW(ToWide(all).c_str(), FindExInfoBasic, &entry, FindExSearchNameMatch, nullptr, 0);
  if (search == INVALID_HANDLE_VALUE) return Failed("scandir");
  handle_ = search;
  first_ = ToUtf8(entry.cFileName, std::wcslen(entry.cFileName));
  return {};
}

Error Directory::Next(std::string* name) {
  assert(handle_ != nullptr);
  name->clear();
  if (!first_.empty()) {
    name->swap(first_);
    return {};
  }
  WIN32_FIND_DATAW entry;
  if (::FindNextFileW(handle_, &entry) != 0) {
    *name = ToUtf8(entry.cFileName, std::wcslen(entry.cFileName));
    return {};
  }
  const DWORD code = ::GetLastError();
  return code == ERROR_NO_MORE_FILES ? Error{} : FailedWith(code, "scandir");
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.find_last_of("/\\");
  return slash == std::string::npos ? path : path.substr(0, slash);
}

Error MakeDirectories(const std::string& path) {
  if (::CreateDirectoryW(ToWide(path).c_str(), nullptr) != 0) return {};
  const DWORD code = ::GetLastError();
  if (code == ERROR_ALREADY_EXISTS) return {};
  if (code != ERROR_PATH_NOT_FOUND || path == DirectoryOf(path)) {
    return FailedWith(code, "mkdir");
  }
  if (Error error = MakeDirectories(DirectoryOf(path))) return error;
  if (::CreateDirectoryW(ToWide(path).c_str(), nullptr) != 0) return {};
  return ::GetLastError() == ERROR_ALREADY_EXISTS ? Error{} : Failed("mkdir");
}

bool IsOnLocalDrive(HANDLE handle) {
  std::vector<wchar_t> path(512);
  DWORD length = ::GetFinalPathNameByHandleW(handle, path.data(), static_cast<DWORD>(path.size()), 0);
  if (length > path.size()) {
    path.resize(length);
    length = ::GetFinalPathNameByHandleW(handle, path.data(), length, 0);
  }
  if (length < 7 || length >= path.size() || path[5] != L':') return false;
  const wchar_t root[] = {path[4], L':', L'\\', L'\0'};
  const UINT type = ::GetDriveTypeW(root);
  return type == DRIVE_FIXED || type == DRIVE_REMOVABLE || type == DRIVE_RAMDISK;
}

bool IsInLocalDirectory(const std::string& path) {
  File directory;
  // With its backslash, or `C:` would be the current directory of that drive.
  return !OpenToIdentify(DirectoryOf(path) + "\\", &directory) && IsOnLocalDrive(directory.handle());
}

// Nothing to do: NTFS logs the making, renaming and removing of names, and FlushFileBuffers on a file writes
// the log up to there. There is no call for a directory that a user without privileges may make.
Error Entries::Open(const std::string&, bool) {
  is_open_ = true;
  return {};
}

Error Entries::Sync() const {
  return {};
}

void Entries::Close() {
  is_open_ = false;
}

Error SyncDirectory(const std::string&, bool) {
  return {};
}

}  // namespace holdfast::os
