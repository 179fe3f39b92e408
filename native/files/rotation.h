// Rotation: when the file has become too large or too old, it is renamed, and a new one is begun. The names
// are told in names.h.
#ifndef HOLDFAST_FILES_ROTATION_H_
#define HOLDFAST_FILES_ROTATION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "files/names.h"
#include "os/file.h"

namespace holdfast::files {

struct Rotation {
  uint64_t max_bytes = 0;                // 0: no bound
  std::chrono::milliseconds max_age{0};  // 0: no bound
  size_t keep = SIZE_MAX;                // how many rotated files are kept

  bool is_on() const { return max_bytes != 0 || max_age.count() != 0; }

  // True if `more` bytes must not be added to this file, which has `size`. An empty file is never rotated.
  bool IsDue(const os::File& file, uint64_t size, uint64_t more) const;
};

// The paths of the rotated files of `path`, the oldest first.
os::Error RotatedFiles(const std::string& path, std::vector<std::string>* out);

// Renames the file that `path` names, and what belongs to it. The caller holds the lock of the file, which
// keeps every other process from rotating it.
os::Error Rotate(const std::string& path);

// Removes the oldest rotated files beyond `keep`.
os::Error RemoveOldFiles(const std::string& path, size_t keep);

}  // namespace holdfast::files

#endif  // HOLDFAST_FILES_ROTATION_H_
