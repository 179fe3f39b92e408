// The mutex that guards the wait queue, what stands in it and whose that is.
#ifndef HOLDFAST_LOCK_QUEUE_MUTEX_H_
#define HOLDFAST_LOCK_QUEUE_MUTEX_H_

#include "os/mutex.h"

namespace holdfast::lock {

// Never destroyed, because threads may still be waiting when the process ends.
os::Mutex& QueueMutex();

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_QUEUE_MUTEX_H_
