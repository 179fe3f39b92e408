// Open, lock, compare with the path, reopen: how the file that a path names is locked (promise L6).
//
// A path may be renamed, removed or replaced while its file is opened and waited for, and a lock on a file
// that its path no longer names excludes nobody who comes later (portalocker#115, filelock#574). So
// whoever locks by path goes round this loop:
//
//   1. OpenForLock or OpenForAppend, unless the file is open already;
//   2. try the lock, or wait for it;
//   3. KeepIfNamed. After Attempt::kMoved, go back to 1.
//
// Each caller goes round by itself, because between two rounds it checks its own deadline, or who is first in
// its queue.
//
// What is opened, and how (on every row also O_CLOEXEC, O_NOCTTY, and O_NONBLOCK, or opening a FIFO would
// wait for its other end):
//
//   for               flags on Linux and macOS      because
//   flock; fcntl,     O_RDONLY                      no more is asked for (flock(2), fcntl(2)). An open for
//   shared                                          writing fails on what is executed, immutable or a
//                                                   directory, keeps an executable from being run, copies
//                                                   the lower file of an overlay, and tells those who watch
//                                                   the file that it was written
//   flock, exclusive, O_RDWR, O_APPEND              NFS takes it for an fcntl lock (flock(2)); local files
//   after EBADF                                     never answer EBADF
//   fcntl, exclusive  O_RDWR, O_APPEND              it asks for write access (EISDIR for a directory); and
//                                                   for read access when it is downgraded
//   any lock, after   O_WRONLY, O_APPEND            a file that may be written, but not read
//   EACCES
//   any lock          O_APPEND, if for writing      an append-only file is not opened otherwise
//                     O_CREAT, if asked for and     a lock file need not be there before; but with O_CREAT
//                     the file is missing           a file of another user in a sticky directory is EACCES
//                     O_NOFOLLOW, on the caller's   a link may lead to a file system whose calls hang; it
//                     own thread                    is followed on a helper thread
//   appending         O_RDWR, O_APPEND; O_CREAT,    the tail is read back before it is written after;
//                     if the file is missing        missing directories are made
//   any lock, after   without O_NONBLOCK            somebody has a lease on the file (F_SETLEASE in fcntl(2):
//   EAGAIN for a      on a helper thread            Samba, an NFS server). He is asked to give it up, and
//   regular file                                    that takes a moment. Appending asks again and again
//   comparing with    O_RDONLY; its directory too,  see Place
//   the path          only on a network
//   a file kept open  as for a lock                 see idle_files.h
//   by the caller     F_DUPFD_CLOEXEC               the descriptor stays the caller's; it has no path, so
//                                                   nothing is compared
//
// On Windows a lock is on GENERIC_READ and GENERIC_WRITE, or GENERIC_READ if that is refused; O_CREAT is
// OPEN_ALWAYS, O_NOFOLLOW is FILE_FLAG_OPEN_REPARSE_POINT, a directory is EISDIR, and others may read, write,
// rename and remove the file meanwhile.
#ifndef HOLDFAST_LOCK_NAMED_FILE_H_
#define HOLDFAST_LOCK_NAMED_FILE_H_

#include <string>

#include "lock/mechanism.h"
#include "os/file.h"

namespace holdfast::lock {

// What the file was opened for that is locked: the rows of the table above.
enum class Opened { kForLock, kForAppend, kByCaller };

// Opens the file that `path` names now, and says which file that is.
os::Error OpenForLock(const std::string& path, os::LockAccess access, os::File* file, os::FileId* id);
os::Error OpenForAppend(const std::string& path, os::File* file, os::FileId* id);

// Where a file is. A client of a network file system answers from memory what a path names, for seconds
// (nfs(5), "Directory entry caching"), unless it is made to ask the server.
enum class Place { kLocal, kNetwork };

// Whether `path` names `file` now, which is `id`. No file at all is "no", and not an error.
os::Error StillNames(const std::string& path, Place place, const os::File& file, const os::FileId& id,
                     bool* still);

// Call this when the lock `spec` on `file` was granted. kGranted: the path still names the file. kMoved: it
// does not, or kFailed: that cannot be known; then nothing is held any more, and the file is closed.
Attempt KeepIfNamed(const std::string& path, Place place, const os::FileId& id, const Spec& spec,
                    os::File* file, os::Error* error);

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_NAMED_FILE_H_
