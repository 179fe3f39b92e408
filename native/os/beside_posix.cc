// The files beside a chronicle on Linux and macOS: which of them can be ours.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "os/directory.h"
#include "os/file.h"
#include "os/posix.h"
#include "os/rights.h"
#include "os/system_calls.h"

namespace holdfast::os {
namespace {

// Whether somebody may write to a file who may not write to the other one, as far as their modes tell.
bool IsOpenToMore(const struct stat& status, const struct stat& other) {
  const bool same_group = status.st_gid == other.st_gid;
  const mode_t others = other.st_mode & S_IWOTH;
  const mode_t group = others != 0 ? S_IWGRP : (same_group ? other.st_mode & S_IWGRP : 0);
  return ((status.st_mode & S_IWOTH) & ~others) != 0 || ((status.st_mode & S_IWGRP) & ~group) != 0;
}

// Whose files are believed beside `chronicle`, besides ours and root's.
Error OwnerOf(const File& chronicle, const std::string& path, uid_t* owner) {
  struct stat status;
  const int result = chronicle.is_open() ? system_calls.fstat(chronicle.handle(), &status)
                                         : system_calls.stat(DirectoryOf(path).c_str(), &status);
  if (result != 0) return Failed(chronicle.is_open() ? "fstat" : "stat");
  *owner = status.st_uid;
  return {};
}

// As Named has it.
bool IsBelieved(const struct stat& status, uid_t owner) {
  const bool is_ours =
      status.st_uid == owner || status.st_uid == 0 || status.st_uid == system_calls.geteuid();
  return S_ISREG(status.st_mode) && status.st_nlink <= 1 && is_ours;
}

}  // namespace

Error File::OpenBeside(const std::string& path, const File& owner, Beside use, File* out) {
  const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | (use == Beside::kMadeToOverwrite ? 0 : O_APPEND);
  const bool create = use != Beside::kThere;
  Error error = Open(path, flags, out);
  if (!error) {
    struct stat beside, status;
    if (system_calls.fstat(owner.handle(), &beside) != 0) return Failed("fstat");
    if (system_calls.fstat(out->handle(), &status) != 0) return Failed("fstat");
    const bool is_believed = IsBelieved(status, beside.st_uid);
    if (is_believed && !IsOpenToMore(status, beside)) return {};
    out->Close();
    // One of ours that others may have written to is made anew.
    if (!is_believed || !create) return {EPERM, "open"};
    if (Error failed = Remove(path)) return failed;
    error.number = ENOENT;
  }
  if (error.number != ENOENT || !create) return error;
  // EEXIST: somebody was faster, or it is a link.
  if (Error failed = Open(path, flags | O_CREAT | O_EXCL, out, 0600)) return failed;
  bool whole = false;
  return CopyRights(owner, *out, &whole);
}

Error File::OpenBelieved(const std::string& path, const File& chronicle, bool, File* out) {
  const Error gone{ENOENT, "open"};
  const Error error = Open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, out);
  if (error.number == ELOOP) return gone;
  if (error) {
    // Who plants a file that we may not read must not stop us.
    Named named;
    return !LookBeside(path, chronicle, &named) && !named.is_believed ? gone : error;
  }
  struct stat status;
  if (system_calls.fstat(out->handle(), &status) != 0) return Failed("fstat");
  uid_t owner = 0;
  if (Error failed = OwnerOf(chronicle, path, &owner)) return failed;
  if (IsBelieved(status, owner)) return {};
  out->Close();
  return gone;
}

Error LookBeside(const std::string& path, const File& chronicle, Named* out) {
  struct stat status;
  if (system_calls.lstat(path.c_str(), &status) != 0) return Failed("lstat");
  uid_t owner = 0;
  if (Error error = OwnerOf(chronicle, path, &owner)) return error;
  out->id = {static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino)};
  out->is_believed = IsBelieved(status, owner);
  return {};
}

std::string TargetOf(const std::string& path, const File& file) {
  std::string target = path;
  FileId id;
  Named named;
  const bool leads_there =
      !FollowLinks(&target) && !file.Id(&id) && !LookBeside(target, file, &named) && named.id == id;
  return leads_there ? target : path;
}

Error IdentifyOnServer(const std::string& path, const File& opened, FileId* out) {
  struct stat status;
  const bool failed = system_calls.fstat(opened.handle(), &status) != 0;
  if (failed && errno != ESTALE) return Failed("fstat");
  if (failed || status.st_nlink == 0) return {ENOENT, "stat"};
  // Each of the two makes one of NFS 3 and 4 ask: the opened directory is compared with the server's, and if
  // it has changed, so are the names in it; and the file.
  File directory, named;
  Open(DirectoryOf(path), O_RDONLY | O_DIRECTORY | O_NONBLOCK, &directory);
  if (Open(path, O_RDONLY | O_NONBLOCK, &named)) return Identify(path, out);
  return named.Id(out);
}

}  // namespace holdfast::os
