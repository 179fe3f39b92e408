// Files that stay open for a moment after their lock was released, because the same lock is often taken again
// soon. Opening and closing a file takes the kernel longer than locking it does.
//
// Few, and not for long: an open file keeps its file system from being unmounted. Nothing relies on what they
// name; whoever takes one compares it with its path, as after every lock.
#ifndef HOLDFAST_LOCK_IDLE_FILES_H_
#define HOLDFAST_LOCK_IDLE_FILES_H_

#include <string>

#include "os/file.h"

namespace holdfast::lock {

// Takes an open, unlocked file out that was opened by this path. False: there is none.
bool TakeIdleFile(const std::string& path, os::File* file, os::FileId* id);

// Gives an open file, which must not be locked any more, to whoever asks for its path next, or to be closed.
void PutIdleFile(std::string path, os::File file, os::FileId id);

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_IDLE_FILES_H_
