// Random bytes of the operating system, fit for keys.
#ifndef HOLDFAST_OS_RANDOM_H_
#define HOLDFAST_OS_RANDOM_H_

#include <cstddef>

#include "os/file.h"

namespace holdfast::os {

// `length` is at most 256.
Error RandomBytes(void* out, size_t length);

}  // namespace holdfast::os

#endif  // HOLDFAST_OS_RANDOM_H_
