// How whoever waits for the flock of a lock file shows that to its holder, who asks before removing the file.
// Were it removed under them, all of them would have to open the next one, and whoever came first would have
// the lock: most often the process that has just released it. No promise rests on it: who is not seen finds
// out by itself that the file is gone (named_file.h).
//
// The mark is a shared open file description lock on a byte that no file has. On Linux those and flocks do
// not see each other, it goes with its process, and each of many waiters can have one. Elsewhere there is
// none: nobody is seen.
#ifndef HOLDFAST_LOCK_WAITING_MARK_H_
#define HOLDFAST_LOCK_WAITING_MARK_H_

#include "os/file.h"

namespace holdfast::lock {

void MarkWaiting(const os::File& file);
void UnmarkWaiting(const os::File& file);
// Whether anybody but this open file has the mark.
bool SomebodyWaits(const os::File& file);

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_WAITING_MARK_H_
