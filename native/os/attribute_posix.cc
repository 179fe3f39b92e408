// Extended attributes on Linux; macOS has others, and none here.
#include <errno.h>

#include "os/attribute.h"
#include "os/posix.h"
#include "os/system_calls.h"

namespace holdfast::os {

#ifdef __linux__
Error SetAttribute(const File& file, const char* name, const std::string& value) {
  const int result = system_calls.fsetxattr(file.handle(), name, value.data(), value.size(), 0);
  return result == 0 ? Error{} : Failed("fsetxattr");
}

Error GetAttribute(const File& file, const char* name, size_t max, std::string* value) {
  value->resize(max);
  const ssize_t length = system_calls.fgetxattr(file.handle(), name, value->data(), max);
  value->resize(length < 0 ? 0 : static_cast<size_t>(length));
  return length < 0 ? Failed("fgetxattr") : Error{};
}
#else
Error SetAttribute(const File&, const char*, const std::string&) {
  return {ENOTSUP, "fsetxattr"};
}

Error GetAttribute(const File&, const char*, size_t, std::string* value) {
  value->clear();
  return {ENOTSUP, "fgetxattr"};
}
#endif

}  // namespace holdfast::os
