// Rights of files on Linux and macOS.
#include <errno.h>
#include <sys/stat.h>

#include <iterator>
#include <string>

#include "os/posix.h"
#include "os/rights.h"
#include "os/system_calls.h"

namespace holdfast::os {
namespace {

// True if this user may not do it, or the file system has no such thing.
bool IsRefusal(int number) {
  return number == EPERM || number == EACCES || number == EINVAL || number == ENOSYS || number == ENOTSUP ||
         number == EOPNOTSUPP;
}

// The ACL of a file.
class Acl {
 public:
#ifdef __APPLE__
  Acl() = default;
  Acl(const Acl&) = delete;
  Acl& operator=(const Acl&) = delete;
  ~Acl() {
    if (acl_ != nullptr) ::acl_free(acl_);
  }

  Error Read(const File& file) {
    acl_ = system_calls.acl_get_fd(file.handle());
    // ENOENT: there is none.
    if (acl_ == nullptr && errno != ENOENT && !IsRefusal(errno)) return Failed("acl_get_fd");
    return {};
  }
  bool is_there() const { return acl_ != nullptr; }
  bool is_known() const { return true; }

  Error Give(const File& to, bool* given) const {
    *given = true;
    Acl own;
    if (!is_there()) {
      if (Error error = own.Read(to)) return error;
      if (!own.is_there()) return {};
    }
    acl_t none = is_there() ? nullptr : ::acl_init(0);
    const int result = system_calls.acl_set_fd(to.handle(), is_there() ? acl_ : none);
    const int number = errno;
    if (none != nullptr) ::acl_free(none);
    *given = result == 0;
    return *given || IsRefusal(number) ? Error{} : Error{number, "acl_set_fd"};
  }

 private:
  acl_t acl_ = nullptr;
#else
  Error Read(const File& file) {
    std::string bytes(256, '\0');
    for (name_ = kNames;;) {
      const ssize_t length = Get(file, *name_, bytes.data(), bytes.size());
      if (length >= 0) {
        bytes.resize(static_cast<size_t>(length));
        bytes_ = std::move(bytes);
        return {};
      }
      if (errno == ERANGE) {
        bytes.resize(bytes.size() * 4);
        continue;
      }
      if (errno == ENODATA) return {};
      // The file system has no ACLs of this kind.
      if (errno == ENOTSUP || errno == ENOSYS || errno == EINVAL) {
        if (++name_ == std::end(kNames)) return {};
        continue;
      }
      is_known_ = false;
      return IsRefusal(errno) || errno == EBADF || errno == ENOENT ? Error{} : Failed("fgetxattr");
    }
  }
  bool is_there() const { return !bytes_.empty(); }
  bool is_known() const { return is_known_; }

  // If there is none, takes that away which the file was given for its directory's default ACL.
  Error Give(const File& to, bool* given) const {
    *given = true;
    Acl own;
    if (!is_there()) {
      if (Error error = own.Read(to)) return error;
      if (own.is_known() && !own.is_there()) return {};
    }
    const int result = is_there()
                           ? system_calls.fsetxattr(to.handle(), *name_, bytes_.data(), bytes_.size(), 0)
                           : system_calls.fremovexattr(to.handle(), *own.name_);
    *given = result == 0;
    return *given || IsRefusal(errno) ? Error{} : Failed(is_there() ? "fsetxattr" : "fremovexattr");
  }

 private:
  // Those of acl(5), and of nfs4_acl(5), which a client of NFS 4 has in their place.
  static constexpr const char* kNames[] = {"system.posix_acl_access", "system.nfs4_acl"};

  static ssize_t Get(const File& file, const char* name, char* bytes, size_t length) {
    const ssize_t result = system_calls.fgetxattr(file.handle(), name, bytes, length);
    if (result >= 0 || errno != EBADF) return result;
    // Opened with O_PATH: the link of the descriptor leads to that very file (proc_pid_fd(5)).
    const std::string link = "/proc/self/fd/" + std::to_string(file.handle());
    return system_calls.getxattr(link.c_str(), name, bytes, length);
  }

  std::string bytes_;
  const char* const* name_ = kNames;
  bool is_known_ = true;
#endif
};

Error ChangeOwner(const File& file, uid_t user, gid_t group, bool* changed) {
  *changed = system_calls.fchown(file.handle(), user, group) == 0;
  return *changed || IsRefusal(errno) ? Error{} : Failed("fchown");
}

Error ChangeMode(const File& file, mode_t mode) {
  if (system_calls.fchmod(file.handle(), mode) == 0) return {};
  const Error error = Failed("fchmod");
  // Where a file system has modes that nobody can change (WSL, SMB, some of FUSE), it may be right already.
  struct stat now;
  if (!IsRefusal(error.number) || system_calls.fstat(file.handle(), &now) != 0) return error;
  return (now.st_mode & 07777) == mode ? Error{} : error;
}

}  // namespace

Error CopyRights(const File& from, const File& to, bool* whole) {
  constexpr auto kUnchangedUser = static_cast<uid_t>(-1);
  constexpr auto kUnchangedGroup = static_cast<gid_t>(-1);
  struct stat old, now;
  if (system_calls.fstat(from.handle(), &old) != 0) return Failed("fstat");
  if (system_calls.fstat(to.handle(), &now) != 0) return Failed("fstat");
  Acl acl;
  if (Error error = acl.Read(from)) return error;

  bool has_owner = now.st_uid == old.st_uid;
  bool has_group = now.st_gid == old.st_gid;
  if (!has_owner) {
    if (Error error = ChangeOwner(to, old.st_uid, has_group ? kUnchangedGroup : old.st_gid, &has_owner)) {
      return error;
    }
    has_group |= has_owner;
  }
  if (!has_group) {
    if (Error error = ChangeOwner(to, kUnchangedUser, old.st_gid, &has_group)) return error;
  }

  mode_t mode = old.st_mode & 0777;
  // Those of an ACL are too many to tell who must get nothing: nobody does but the owner. The permissions of
  // the group are the mask of the ACL (acl(5)), and never become those of a group.
  bool has_acl = acl.is_known() && (has_group || !acl.is_there());
  if (has_acl) {
    if (Error error = acl.Give(to, &has_acl)) return error;
  }
  if (!has_acl) {
    mode &= 0700;
  } else if (!has_group) {
    // The new group were "others" until now, and the old one are from now on.
    const mode_t both = (mode >> 3) & mode & 07;
    mode = (mode & 0700) | (both << 3) | both;
  }
  *whole = has_owner && has_group && has_acl;
  return ChangeMode(to, mode);
}

}  // namespace holdfast::os
