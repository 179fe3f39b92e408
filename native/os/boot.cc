#include "os/boot.h"

#ifdef __linux__
#include "os/file.h"
#endif

namespace holdfast::os {

std::string BootId() {
#ifdef __linux__
  // random(4): 36 digits and hyphens, and a newline.
  std::string id(36, '\0');
  File file;
  if (!File::OpenForReading("/proc/sys/kernel/random/boot_id", &file) &&
      !file.ReadAt(0, id.data(), id.size())) {
    return id;
  }
#endif
  return {};
}

}  // namespace holdfast::os
