#include <dlfcn.h>

#include "os/library.h"

namespace holdfast::os {

void KeepLibraryLoaded() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&KeepLibraryLoaded), &info) == 0) return;
  // RTLD_NOLOAD: no second copy, only the flag (dlopen(3), on Linux and macOS). The handle is kept on
  // purpose.
  dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

}  // namespace holdfast::os
