// Rotation: the file is renamed when it has become too large or too old, and a new one is begun.
//
// A rotated file is called as the file was, with the time in UTC behind it:
// orders.ndjson.20261124T215247.123Z. The names sort in order of time; where the clock stands still or goes
// back, the last name plus a millisecond is taken.
#ifndef HOLDFAST_FILES_ROTATION_H_
#define HOLDFAST_FILES_ROTATION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "os/file.h"

namespace holdfast::files {

struct Rotation {
  uint64_t max_bytes = 0;                // 0: no bound
  std::chrono::milliseconds max_age{0};  // 0: no bound
  size_t keep = SIZE_MAX;                // how many rotated files are kept

  bool is_on() const { return max_bytes != 0 || max_age.count() != 0; }

  // True where `more` bytes must not go into this file any more, which has `size`. An empty file is never
  // rotated.
  bool IsDue(const os::File& file, uint64_t size, uint64_t more) const;
};

// The paths of the rotated files of `path`, the oldest first.
os::Error RotatedFiles(const std::string& path, std::vector<std::string>* out);

// Renames the file that `path` names, and what belongs to it. The caller holds its lock, and so excludes
// every other rotation.
os::Error Rotate(const std::string& path);

// Removes the oldest rotated files beyond `keep`.
os::Error RemoveOldFiles(const std::string& path, size_t keep);

// The file beside a chronicle's file that remembers its ids; see ids_file.h.
std::string IdsPath(const std::string& path);

}  // namespace holdfast::files

#endif  // HOLDFAST_FILES_ROTATION_H_
