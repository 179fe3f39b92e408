// Files of the unit tests, in memory if there is a file system for that.
#ifndef HOLDFAST_TEST_NATIVE_UNIT_FILES_H_
#define HOLDFAST_TEST_NATIVE_UNIT_FILES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "os/file.h"

namespace holdfast::test {

// A new directory, removed with what is in it.
class Directory {
 public:
  Directory();
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  std::string At(const std::string& name) const { return path_ + '/' + name; }
  // Makes the file, or gives it this content.
  std::string Write(const std::string& name, std::string_view content) const;

 private:
  std::string path_;
};

std::string ContentOf(const std::string& path);
os::File Opened(const std::string& path);

}  // namespace holdfast::test

#endif  // HOLDFAST_TEST_NATIVE_UNIT_FILES_H_
