#include "files/rotation.h"

#include <errno.h>

#include <algorithm>
#include <chrono>

#include "os/directory.h"

namespace holdfast::files {
namespace {

Milliseconds Now() {
  return std::chrono::duration_cast<Milliseconds>(std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace

bool Rotation::IsDue(const os::File& file, uint64_t size, uint64_t more) const {
  if (size == 0) return false;
  if (max_bytes != 0 && size + more > max_bytes) return true;
  Milliseconds born{0};
  return max_age.count() != 0 && !file.Born(&born) && Now() - born >= max_age;
}

os::Error RotatedFiles(const std::string& path, std::vector<std::string>* out) {
  const size_t slash = path.find_last_of(os::kSeparators);
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string prefix = (slash == std::string::npos ? path : path.substr(slash + 1)) + '.';
  out->clear();
  os::Directory listed;
  if (os::Error error = listed.Open(directory)) return error;
  for (std::string name;;) {
    if (os::Error error = listed.Next(&name)) return error;
    if (name.empty()) break;
    if (name.compare(0, prefix.size(), prefix) == 0 && IsStamp(name.substr(prefix.size()))) {
      out->push_back((slash == std::string::npos ? "" : directory) + name);
    }
  }
  std::sort(out->begin(), out->end());
  return {};
}

os::Error Rotate(const std::string& path) {
  std::vector<std::string> rotated;
  if (os::Error error = RotatedFiles(path, &rotated)) return error;
  Milliseconds time = NextTime(Now(), rotated.empty() ? "" : rotated.back().substr(path.size() + 1));
  std::string name = RotatedPath(path, StampOf(time));
  // Nobody else rotates while we hold the lock; but there may be more than was listed.
  for (os::FileId taken; !os::Identify(name, &taken);) name = RotatedPath(path, StampOf(++time));
  if (os::Error error = os::Rename(path, name)) return error;
  // Only a cache: if this fails, it is made again.
  os::Rename(IdsPath(path), IdsPath(name));
  return {};
}

os::Error RemoveOldFiles(const std::string& path, size_t keep) {
  std::vector<std::string> rotated;
  if (os::Error error = RotatedFiles(path, &rotated)) return error;
  for (size_t i = 0; i + keep < rotated.size(); i++) {
    // ENOENT: another process removes the same ones.
    const os::Error error = os::Remove(rotated[i]);
    if (error && error.number != ENOENT) return error;
    os::Remove(IdsPath(rotated[i]));
  }
  return {};
}

}  // namespace holdfast::files
