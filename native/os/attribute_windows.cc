// Windows has no extended attributes like those of Linux.
#include <errno.h>

#include "os/attribute.h"

namespace holdfast::os {

Error SetAttribute(const File&, const char*, const std::string&) {
  return {ENOTSUP, "fsetxattr"};
}

Error GetAttribute(const File&, const char*, size_t, std::string* value) {
  value->clear();
  return {ENOTSUP, "fgetxattr"};
}

}  // namespace holdfast::os
