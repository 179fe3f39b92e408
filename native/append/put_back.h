// After a crash of the system: puts back what a chronicle's file has lost and its side journal still has.
//
// Everybody who opens a chronicle does it before anything is read or appended, whatever durability he asks
// for. Bytes are put where they were, and only where they are missing, or NUL in their place. Where something
// else is in their place, it depends: if the system was started anew since, the crash has left there what was
// cut off before the lines were written, and the journal is right. Else somebody has changed the file by
// hand, and it is left as it is.
//
// A journal of another file (made at another time, shorter than the journal has seen it durable, or with
// other bytes there) says nothing.
#ifndef HOLDFAST_APPEND_PUT_BACK_H_
#define HOLDFAST_APPEND_PUT_BACK_H_

#include <chrono>
#include <string>

#include "os/file.h"

namespace holdfast::append {

// Under the lock of the chronicle's file, which `path` leads to.
os::Error PutBack(const std::string& path, const os::File& chronicle);

// Of whoever only reads. Takes the lock, and waits for it no longer than that, only if there is something to
// put back. Fails if this user may not, since he would miss events that somebody was told are safe.
os::Error PutBackBeforeReading(const std::string& path, std::chrono::milliseconds patience);

}  // namespace holdfast::append

#endif  // HOLDFAST_APPEND_PUT_BACK_H_
