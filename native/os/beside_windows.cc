// The files beside a chronicle on Windows: which of them can be ours.
#include <errno.h>

#include <vector>

#include "os/file.h"
#include "os/rights.h"
#include "os/windows.h"

namespace holdfast::os {
namespace {

// Who owns an open file, as a self-relative security descriptor; nobody if that cannot be known.
class Owner {
 public:
  explicit Owner(HANDLE handle) : descriptor_(512) {
    DWORD needed = 0;
    if (::GetKernelObjectSecurity(handle, OWNER_SECURITY_INFORMATION, descriptor_.data(),
                                  static_cast<DWORD>(descriptor_.size()), &needed) == 0 ||
        ::GetSecurityDescriptorOwner(descriptor_.data(), &owner_, &defaulted_) == 0) {
      owner_ = nullptr;
    }
  }
  bool Is(PSID other) const {
    return owner_ != nullptr && other != nullptr && ::EqualSid(owner_, other) != 0;
  }
  bool Is(const Owner& other) const { return Is(other.owner_); }

  // Whether files that this process makes are owned so.
  bool IsThisProcess() const {
    HANDLE token = nullptr;
    if (::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &token) == 0) return false;
    std::vector<char> buffer(512);
    DWORD length = 0;
    const bool known = ::GetTokenInformation(token, TokenOwner, buffer.data(),
                                             static_cast<DWORD>(buffer.size()), &length) != 0;
    ::CloseHandle(token);
    return known && Is(reinterpret_cast<TOKEN_OWNER*>(buffer.data())->Owner);
  }

 private:
  std::vector<char> descriptor_;
  PSID owner_ = nullptr;
  BOOL defaulted_ = FALSE;
};

// As Named has it; where the chronicle is not open, everybody's.
bool IsBelieved(const File& file, const File& chronicle) {
  BY_HANDLE_FILE_INFORMATION information;
  if (::GetFileInformationByHandle(file.handle(), &information) == 0 || information.nNumberOfLinks > 1 ||
      (information.dwFileAttributes & (FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_DIRECTORY)) != 0 ||
      ::GetFileType(file.handle()) != FILE_TYPE_DISK) {
    return false;
  }
  const Owner owner(file.handle());
  return !chronicle.is_open() || owner.Is(Owner(chronicle.handle())) || owner.IsThisProcess();
}

}  // namespace

Error File::OpenBeside(const std::string& path, const File& owner, Beside use, File* out) {
  constexpr DWORD kAccess = GENERIC_READ | GENERIC_WRITE;
  Error error = Open(path, kAccess, OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT, out);
  if (!error) {
    if (IsBelieved(*out, owner)) return {};
    out->Close();
    return {EPERM, "open"};
  }
  if (error.number != ENOENT || use == Beside::kThere) return error;
  if (Error failed = Make(path, std::nullopt, out)) return failed;  // EEXIST: somebody was faster
  bool whole = false;
  return CopyRights(owner, *out, &whole);
}

Error File::OpenBelieved(const std::string& path, const File& chronicle, bool for_sync, File* out) {
  if (Error error = Open(path, for_sync ? GENERIC_READ | GENERIC_WRITE : GENERIC_READ, OPEN_EXISTING,
                         FILE_FLAG_OPEN_REPARSE_POINT, out)) {
    return error.number == EISDIR ? Error{ENOENT, "open"} : error;
  }
  if (IsBelieved(*out, chronicle)) return {};
  out->Close();
  return {ENOENT, "open"};
}

Error LookBeside(const std::string& path, const File& chronicle, Named* out) {
  File file;
  constexpr DWORD kFlags = FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT;
  if (Error error = Open(path, FILE_READ_ATTRIBUTES | READ_CONTROL, OPEN_EXISTING, kFlags, &file)) {
    return {error.number == EBUSY ? ENOENT : error.number, "lstat"};
  }
  if (Error error = file.Id(&out->id)) return error;
  out->is_believed = IsBelieved(file, chronicle);
  return {};
}

std::string TargetOf(const std::string& path, const File&) {
  return path;
}

// Every call by name opens it.
Error IdentifyOnServer(const std::string& path, const File&, FileId* out) {
  return Identify(path, out);
}

}  // namespace holdfast::os
