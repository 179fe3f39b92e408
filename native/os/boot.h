// Which start of the system this is.
#ifndef HOLDFAST_OS_BOOT_H_
#define HOLDFAST_OS_BOOT_H_

#include <string>

namespace holdfast::os {

// A text that no other start of this system has; empty where that cannot be known. Only Linux tells.
std::string BootId();

}  // namespace holdfast::os

#endif  // HOLDFAST_OS_BOOT_H_
