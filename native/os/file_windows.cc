// File operations on Windows.
//
// Every handle is opened without overlapped I/O, is not inherited, and lets others read, write, rename and
// remove the file meanwhile. Offsets are given with each call, so the file pointer means nothing.
#include <errno.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <cwchar>
#include <vector>

#include "os/directory.h"
#include "os/file.h"
#include "os/windows.h"
// The system's header must come first.
#include <sddl.h>

namespace holdfast::os {

namespace {

// FileDispositionInfoEx and FileRenameInfoEx, which MinGW names for other versions of Windows than have them.
constexpr auto kFileDispositionInfoEx = static_cast<FILE_INFO_BY_HANDLE_CLASS>(21);
constexpr auto kFileRenameInfoEx = static_cast<FILE_INFO_BY_HANDLE_CLASS>(22);

constexpr int kMaxTries = 16;

constexpr DWORD kShareAll = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

// Whether the call of this thread that just failed did so with STATUS_DELETE_PENDING.
bool IsRemovedButOpen() {
  using LastStatus = LONG(WINAPI*)();
  static const auto last_status = reinterpret_cast<LastStatus>(
      reinterpret_cast<void*>(::GetProcAddress(::GetModuleHandleW(L"ntdll.dll"), "RtlGetLastNtStatus")));
  return last_status != nullptr && static_cast<ULONG>(last_status()) == 0xC0000056;
}

// A new file takes over the time of birth of one that had its name until some seconds ago, unless it is set
// (NTFS calls this tunneling).
void SetBornNow(HANDLE handle) {
  FILETIME now;
  ::GetSystemTimeAsFileTime(&now);
  ::SetFileTime(handle, &now, nullptr, nullptr);
}

Error Information(HANDLE handle, BY_HANDLE_FILE_INFORMATION* out) {
  return ::GetFileInformationByHandle(handle, out) != 0 ? Error{} : Failed("fstat");
}

// The high and low half of a 64-bit number, as Windows hands it over.
uint64_t Join(DWORD high, DWORD low) {
  return (static_cast<uint64_t>(high) << 32) | low;
}

OVERLAPPED OverlappedAt(uint64_t offset) {
  OVERLAPPED overlapped = {};
  overlapped.Offset = static_cast<DWORD>(offset);
  overlapped.OffsetHigh = static_cast<DWORD>(offset >> 32);
  return overlapped;
}

// Windows takes it for "at the end of the file, wherever that is" (WriteFile).
constexpr uint64_t kEndOfFile = ~uint64_t{0};

Error WriteFrom(HANDLE handle, uint64_t offset, const char* data, size_t length) {
  constexpr size_t kMaxBytesAtOnce = size_t{1} << 30;
  while (length > 0) {
    OVERLAPPED overlapped = OverlappedAt(offset);
    DWORD count = 0;
    if (::WriteFile(handle, data, static_cast<DWORD>(std::min(length, kMaxBytesAtOnce)), &count,
                    &overlapped) == 0) {
      return Failed("write");
    }
    if (count == 0) return {ENOSPC, "write"};
    data += count;
    length -= count;
    if (offset != kEndOfFile) offset += count;
  }
  return {};
}

// Gives a file that is open with DELETE access the name `to`.
Error RenameOpen(HANDLE handle, const std::wstring& to, FILE_INFO_BY_HANDLE_CLASS how, DWORD flags) {
  const size_t bytes = to.size() * sizeof(wchar_t);
  std::vector<char> buffer(sizeof(FILE_RENAME_INFO) + bytes);
  auto* rename = reinterpret_cast<FILE_RENAME_INFO*>(buffer.data());
  rename->Flags = flags;  // for FileRenameInfo: TRUE or FALSE
  rename->FileNameLength = static_cast<DWORD>(bytes);
  std::memcpy(rename->FileName, to.data(), bytes);
  const BOOL done = ::SetFileInformationByHandle(handle, how, rename, static_cast<DWORD>(buffer.size()));
  return done != 0 ? Error{} : Failed("rename");
}

// Gives an open file, about to be removed, a name that nobody uses.
void MoveAside(HANDLE handle, const std::wstring& path) {
  static std::atomic<unsigned> counter{0};
  const std::wstring name = path + L"." + std::to_wstring(::GetCurrentProcessId()) + L"-" +
                            std::to_wstring(counter++) + L".removed";
  RenameOpen(handle, name, FileRenameInfo, FALSE);
}

}  // namespace

Error Open(const std::string& path, DWORD access, DWORD disposition, DWORD flags, File* out) {
  const std::wstring wide = ToWide(path);
  for (int tries = 0;; tries++) {
    const HANDLE handle = ::CreateFileW(wide.c_str(), access, kShareAll, nullptr, disposition,
                                        FILE_ATTRIBUTE_NORMAL | flags, nullptr);
    if (handle != INVALID_HANDLE_VALUE) {
      if (disposition == OPEN_ALWAYS && ::GetLastError() != ERROR_ALREADY_EXISTS) SetBornNow(handle);
      *out = File(handle);
      return {};
    }
    const DWORD code = ::GetLastError();
    if (code != ERROR_ACCESS_DENIED) return FailedWith(code, "open");
    // Windows has the same answer for what is a directory, and for what is removed but still open somewhere.
    if (IsRemovedButOpen()) return {EBUSY, "open"};
    const DWORD attributes = ::GetFileAttributesW(wide.c_str());
    const bool is_gone = attributes == INVALID_FILE_ATTRIBUTES;  // it was a directory, perhaps
    if (is_gone && tries < kMaxTries) continue;
    return {!is_gone && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0 ? EISDIR : EPERM, "open"};
  }
}

Error OpenToIdentify(const std::string& path, File* out) {
  return Open(path, FILE_READ_ATTRIBUTES, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, out);
}

Error File::CloseHandle(Handle handle) {
  return ::CloseHandle(handle) != 0 ? Error{} : Failed("close");
}

Error File::OpenForLock(const std::string& path, LockAccess access, File* out) {
  const DWORD disposition = access.create ? OPEN_ALWAYS : OPEN_EXISTING;
  const DWORD flags = access.follow ? 0 : FILE_FLAG_OPEN_REPARSE_POINT;
  Error error = Open(path, GENERIC_READ | GENERIC_WRITE, disposition, flags, out);
  if (error.number == EPERM || error.number == EROFS) {
    if (access.write || Open(path, GENERIC_READ, OPEN_EXISTING, flags, out)) return error;
    error = {};
  }
  if (error || access.follow) return error;
  FILE_ATTRIBUTE_TAG_INFO tag = {};
  if (::GetFileInformationByHandleEx(out->handle(), FileAttributeTagInfo, &tag, sizeof tag) != 0 &&
      (tag.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0) {
    out->Close();
    return {ELOOP, "open"};
  }
  return {};
}

bool File::KnownDevice(Handle, uint64_t*) {
  return false;
}

Error File::Duplicate(Handle handle, File* out) {
  // As a process handle, this is our own process.
  if (handle == INVALID_HANDLE_VALUE) return {EBADF, "dup"};
  HANDLE copy = nullptr;
  const HANDLE self = ::GetCurrentProcess();
  if (::DuplicateHandle(self, handle, self, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS) == 0) {
    return Failed("dup");
  }
  *out = File(copy);
  return {};
}

Error File::OpenForAppend(const std::string& path, File* out) {
  constexpr DWORD kAccess = GENERIC_READ | GENERIC_WRITE;
  Error error = Open(path, kAccess, OPEN_ALWAYS, 0, out);
  if (error.number == ENOENT) {
    if (Error failed = MakeDirectories(DirectoryOf(path))) return failed;
    error = Open(path, kAccess, OPEN_ALWAYS, 0, out);
  }
  if (error) return error;
  if (::GetFileType(out->handle()) != FILE_TYPE_DISK) {
    out->Close();
    return {EINVAL, "open"};
  }
  return {};
}

Error File::OpenForReading(const std::string& path, File* out) {
  return Open(path, GENERIC_READ, OPEN_EXISTING, 0, out);
}

Error File::OpenForSync(const std::string& path, File* out) {
  return Open(path, GENERIC_WRITE, OPEN_EXISTING, 0, out);
}

Error File::Make(const std::string& path, std::optional<unsigned> permissions, File* out) {
  PSECURITY_DESCRIPTOR private_to_owner = nullptr;
  // Everything for its owner, and nothing for others, whatever the directory would give them.
  if (!permissions && ::ConvertStringSecurityDescriptorToSecurityDescriptorW(
                          L"D:P(A;;FA;;;OW)", SDDL_REVISION_1, &private_to_owner, nullptr) == 0) {
    return Failed("open");
  }
  SECURITY_ATTRIBUTES security = {sizeof security, private_to_owner, FALSE};
  const DWORD attributes =
      (permissions.value_or(0600) & 0200) != 0 ? FILE_ATTRIBUTE_NORMAL : FILE_ATTRIBUTE_READONLY;
  const HANDLE handle = ::CreateFileW(ToWide(path).c_str(), GENERIC_READ | GENERIC_WRITE, kShareAll,
                                      &security, CREATE_NEW, attributes, nullptr);
  const Error error = handle == INVALID_HANDLE_VALUE ? Failed("open") : Error{};
  ::LocalFree(private_to_owner);
  if (error) return error;
  *out = File(handle);
  SetBornNow(handle);
  return {};
}

Error File::OpenToReplace(const std::string& path, File* out) {
  if (Error error = Open(path, GENERIC_READ, OPEN_EXISTING, 0, out)) return error;
  if (::GetFileType(out->handle()) == FILE_TYPE_DISK) return {};
  out->Close();
  return {EINVAL, "open"};
}

Error File::Links(uint64_t* out) const {
  BY_HANDLE_FILE_INFORMATION information;
  if (Error error = Information(handle_, &information)) return error;
  *out = information.nNumberOfLinks;
  return {};
}

Error File::Id(FileId* out) const {
  BY_HANDLE_FILE_INFORMATION information;
  if (Error error = Information(handle_, &information)) return error;
  *out = {information.dwVolumeSerialNumber, Join(information.nFileIndexHigh, information.nFileIndexLow)};
  return {};
}

Error File::CheckRegular() const {
  // A directory is not opened at all.
  return ::GetFileType(handle_) == FILE_TYPE_DISK ? Error{} : Error{EEXIST, "open"};
}

Error File::Size(uint64_t* out) const {
  LARGE_INTEGER size;
  if (::GetFileSizeEx(handle_, &size) == 0) return Failed("fstat");
  *out = static_cast<uint64_t>(size.QuadPart);
  return {};
}

Error File::Times(FileTimes* out) const {
  BY_HANDLE_FILE_INFORMATION information;
  if (Error error = Information(handle_, &information)) return error;
  const auto time_of = [](const FILETIME& time) {
    // Windows counts tenths of microseconds since 1601.
    constexpr int64_t kFrom1601To1970 = 11'644'473'600'000;
    const auto count = static_cast<int64_t>(Join(time.dwHighDateTime, time.dwLowDateTime));
    return std::chrono::milliseconds(count / 10'000 - kFrom1601To1970);
  };
  out->id = {information.dwVolumeSerialNumber, Join(information.nFileIndexHigh, information.nFileIndexLow)};
  out->born = time_of(information.ftCreationTime);
  out->modified = out->changed = time_of(information.ftLastWriteTime);
  return {};
}

Error File::Touch() const {
  FILETIME now;
  ::GetSystemTimeAsFileTime(&now);
  return ::SetFileTime(handle_, nullptr, nullptr, &now) != 0 ? Error{} : Failed("futimens");
}

bool File::IsHole(uint64_t, uint64_t) const {
  return false;
}

Error File::ReadAt(uint64_t offset, char* buffer, size_t length) const {
  constexpr size_t kMaxBytesAtOnce = size_t{1} << 30;
  while (length > 0) {
    OVERLAPPED overlapped = OverlappedAt(offset);
    DWORD count = 0;
    if (::ReadFile(handle_, buffer, static_cast<DWORD>(std::min(length, kMaxBytesAtOnce)), &count,
                   &overlapped) == 0) {
      return Failed("read");
    }
    if (count == 0) return {EIO, "read"};
    buffer += count;
    length -= count;
    offset += count;
  }
  return {};
}

Error File::Append(const char* prefix, size_t prefix_length, const char* data, size_t length) const {
  if (Error error = WriteFrom(handle_, kEndOfFile, prefix, prefix_length)) return error;
  return WriteFrom(handle_, kEndOfFile, data, length);
}

Error File::WriteAt(uint64_t offset, const char* data, size_t length) const {
  return WriteFrom(handle_, offset, data, length);
}

Error File::Truncate(uint64_t size) const {
  FILE_END_OF_FILE_INFO end;
  end.EndOfFile.QuadPart = static_cast<LONGLONG>(size);
  const BOOL done = ::SetFileInformationByHandle(handle_, FileEndOfFileInfo, &end, sizeof end);
  return done != 0 ? Error{} : Failed("ftruncate");
}

Error File::Sync(Durability durability) const {
  // Writes the data, the metadata and the drive's cache.
  if (durability == Durability::kNone || ::FlushFileBuffers(handle_) != 0) return {};
  return Failed("fsync");
}

bool File::IsLocal() const {
  return IsOnLocalDrive(handle_);
}

Error Identify(const std::string& path, FileId* out) {
  File file;
  const Error error = OpenToIdentify(path, &file);
  if (error.number == EBUSY) return {ENOENT, "stat"};
  if (error) return {error.number, "stat"};
  return file.Id(out);
}

Error Rename(const std::string& from, const std::string& to) {
  File file;
  if (Error error = Open(from, DELETE | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES, OPEN_EXISTING,
                         FILE_FLAG_OPEN_REPARSE_POINT, &file)) {
    return {error.number, "rename"};
  }
  FILETIME born = {};
  const bool is_known = ::GetFileTime(file.handle(), &born, nullptr, nullptr) != 0;
  const std::wstring name = ToWide(to);
  // Replaces a file that others have open, too (Windows 10 1709, NTFS).
  Error error = RenameOpen(file.handle(), name, kFileRenameInfoEx,
                           FILE_RENAME_FLAG_REPLACE_IF_EXISTS | FILE_RENAME_FLAG_POSIX_SEMANTICS);
  if (error) error = RenameOpen(file.handle(), name, FileRenameInfo, TRUE);
  // Or it might be that of the file that was replaced, as with SetBornNow.
  if (!error && is_known) ::SetFileTime(file.handle(), &born, nullptr, nullptr);
  return error;
}

Error Link(const std::string& from, const std::string& to) {
  const BOOL done = ::CreateHardLinkW(ToWide(to).c_str(), ToWide(from).c_str(), nullptr);
  return done != 0 ? Error{} : Failed("link");
}

bool IsWithoutLinks(const Error& error) {
  return error.number != EEXIST && error.number != ENOENT;
}

Error Remove(const std::string& path) {
  File file;
  if (Error error = Open(path, DELETE, OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT, &file)) {
    return {error.number, "unlink"};
  }
  // The name goes at once, although others have the file open (Windows 10 1809, NTFS).
  FILE_DISPOSITION_INFO_EX at_once = {FILE_DISPOSITION_FLAG_DELETE | FILE_DISPOSITION_FLAG_POSIX_SEMANTICS |
                                      FILE_DISPOSITION_FLAG_IGNORE_READONLY_ATTRIBUTE};
  if (::SetFileInformationByHandle(file.handle(), kFileDispositionInfoEx, &at_once, sizeof at_once) != 0) {
    return {};
  }
  // On other file systems the name stays until the last of them closes the file, and meanwhile nobody can
  // open it or make it anew. So the file gets another name first.
  MoveAside(file.handle(), ToWide(path));
  FILE_DISPOSITION_INFO on_close = {TRUE};
  if (::SetFileInformationByHandle(file.handle(), FileDispositionInfo, &on_close, sizeof on_close) != 0) {
    return {};
  }
  return Failed("unlink");
}

}  // namespace holdfast::os
