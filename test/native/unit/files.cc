#include "files.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "check.h"

namespace holdfast::test {

Directory::Directory() {
  path_ = std::filesystem::exists("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path().string();
  path_ += "/holdfast-unit-XXXXXX";
  CHECK(::mkdtemp(path_.data()) != nullptr);
}

Directory::~Directory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string Directory::Write(const std::string& name, std::string_view content) const {
  std::ofstream(At(name), std::ios::binary)
      .write(content.data(), static_cast<std::streamsize>(content.size()));
  return At(name);
}

std::string ContentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

os::File Opened(const std::string& path) {
  os::File file;
  CHECK_EQ(os::File::OpenForAppend(path, &file).number, 0);
  return file;
}

}  // namespace holdfast::test
