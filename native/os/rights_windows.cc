// Rights of files on Windows: the discretionary access control list (DACL), and the attribute "read-only".
#include <cstring>
#include <vector>

#include "os/rights.h"
#include "os/windows.h"

namespace holdfast::os {
namespace {

// The DACL of a file, with the bits that tell what it inherits. It is handed on as it is: what other calls
// make of it depends on the directory of the new file.
class Dacl {
 public:
  Error Read(const File& file) {
    File readable;
    if (Error error = Reopen(file, READ_CONTROL, &readable)) return error;
    descriptor_.resize(1024);
    DWORD needed = 0;
    while (::GetKernelObjectSecurity(readable.handle(), DACL_SECURITY_INFORMATION, descriptor_.data(),
                                     static_cast<DWORD>(descriptor_.size()), &needed) == 0) {
      if (::GetLastError() != ERROR_INSUFFICIENT_BUFFER) return Failed("fstat");
      descriptor_.resize(needed);
    }
    BOOL is_there = FALSE, is_default = FALSE;
    DWORD revision = 0;
    if (::GetSecurityDescriptorDacl(descriptor_.data(), &is_there, &list_, &is_default) == 0 ||
        ::GetSecurityDescriptorControl(descriptor_.data(), &control_, &revision) == 0) {
      return Failed("fstat");
    }
    if (is_there == FALSE) list_ = nullptr;
    return {};
  }

  Error Give(const File& to) {
    File writable;
    if (Error error = Reopen(to, WRITE_DAC, &writable)) return error;
    // Without the request, the system takes what was inherited for the file's own.
    constexpr SECURITY_DESCRIPTOR_CONTROL kRequest = SE_DACL_AUTO_INHERIT_REQ;
    if ((control_ & SE_DACL_AUTO_INHERITED) != 0 &&
        ::SetSecurityDescriptorControl(descriptor_.data(), kRequest, kRequest) == 0) {
      return Failed("fchmod");
    }
    const BOOL done =
        ::SetKernelObjectSecurity(writable.handle(), DACL_SECURITY_INFORMATION, descriptor_.data());
    return done != 0 ? Error{} : Failed("fchmod");
  }

  bool operator==(const Dacl& other) const {
    if (((control_ ^ other.control_) & SE_DACL_PROTECTED) != 0) return false;
    if (list_ == nullptr || other.list_ == nullptr) return list_ == other.list_;
    return list_->AclSize == other.list_->AclSize && std::memcmp(list_, other.list_, list_->AclSize) == 0;
  }

 private:
  // The same file, whatever has its name by now, with other rights of the handle.
  static Error Reopen(const File& file, DWORD access, File* out) {
    constexpr DWORD kShareAll = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    const HANDLE handle = ::ReOpenFile(file.handle(), access, kShareAll, 0);
    if (handle == INVALID_HANDLE_VALUE) return Failed("open");
    *out = File(handle);
    return {};
  }

  std::vector<char> descriptor_;  // self-relative
  PACL list_ = nullptr;           // in the descriptor; none: everybody may do everything
  SECURITY_DESCRIPTOR_CONTROL control_ = 0;
};

Error CopyReadOnly(const File& from, const File& to) {
  FILE_BASIC_INFO old = {};
  FILE_BASIC_INFO now = {};
  if (::GetFileInformationByHandleEx(from.handle(), FileBasicInfo, &old, sizeof old) == 0 ||
      ::GetFileInformationByHandleEx(to.handle(), FileBasicInfo, &now, sizeof now) == 0) {
    return Failed("fstat");
  }
  if (((old.FileAttributes ^ now.FileAttributes) & FILE_ATTRIBUTE_READONLY) == 0) return {};
  FILE_BASIC_INFO changed = {};  // 0: a time stays as it is
  changed.FileAttributes = now.FileAttributes ^ FILE_ATTRIBUTE_READONLY;
  const BOOL done = ::SetFileInformationByHandle(to.handle(), FileBasicInfo, &changed, sizeof changed);
  return done != 0 ? Error{} : Failed("fchmod");
}

// Whether the file system has lists at all: FAT has none.
bool HasDacls(const File& file) {
  DWORD flags = 0;
  return ::GetVolumeInformationByHandleW(file.handle(), nullptr, 0, nullptr, nullptr, &flags, nullptr, 0) ==
             0 ||
         (flags & FILE_PERSISTENT_ACLS) != 0;
}

}  // namespace

Error CopyRights(const File& from, const File& to, bool* whole) {
  if (HasDacls(to)) {
    Dacl old, now;
    if (Error error = old.Read(from)) return error;
    if (Error error = now.Read(to)) return error;
    if (!(old == now)) {
      if (Error error = old.Give(to)) return error;
    }
  }
  if (Error error = CopyReadOnly(from, to)) return error;
  *whole = true;
  return {};
}

}  // namespace holdfast::os
