// The addon as a loaded library.
#ifndef HOLDFAST_OS_LIBRARY_H_
#define HOLDFAST_OS_LIBRARY_H_

namespace holdfast::os {

// Keeps this library in memory until the process ends. A worker thread that ends unloads the addons that only
// it had loaded; our helper threads and the signal handler would then run in unmapped memory.
void KeepLibraryLoaded();

}  // namespace holdfast::os

#endif  // HOLDFAST_OS_LIBRARY_H_
