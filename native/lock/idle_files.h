// Files that stay open for a moment after their lock was released or found busy, because the same lock is
// often asked for again soon. Opening and closing a file takes the kernel longer than locking it does.
//
// Few, and not for long: an open file keeps its file system from being unmounted. Nothing relies on what they
// name; whoever takes one compares it with its path, as after every lock.
#ifndef HOLDFAST_LOCK_IDLE_FILES_H_
#define HOLDFAST_LOCK_IDLE_FILES_H_

#include <string>

#include "os/file.h"

namespace holdfast::lock {

// Takes an open file out that was opened by this path. False: there is none. Those of a lock file are apart
// (see Request::lock_file): what is kept for others was perhaps opened by a link, or is a directory.
bool TakeIdleFile(const std::string& path, bool is_lock_file, os::File* file, os::FileId* id);

// Gives an open file, through which nothing must be locked any more, to whoever asks for its path next, or to
// be closed.
void PutIdleFile(std::string path, bool is_lock_file, os::File file, os::FileId id);

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_IDLE_FILES_H_
