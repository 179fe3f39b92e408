// Rotation: when the file has become too large or too old, it gets another name, and a new one takes its
// place. The names are told in names.h.
//
// The path names a file at every moment, also if the process dies in the middle (promise C12):
//
//   1. A temporary file is made, with all the rights of the old one, and locked.
//   2. The old file gets the name of a rotated one as its second name, and the directory is synced.
//   3. The new file is renamed over the path.
//
// After a death between 2 and 3 the file has two names. Readers pass over the second one, because it is the
// file itself (RotatedFiles::alias), and the next rotation goes on from there. Without the sync between them,
// a power loss might leave the third step and not the second one, and the old file would have no name at all.
// That is so whatever durability this writer asks for: others write to the same file.
//
// A file system may have no second names (FAT), or give a file that is replaced one of its own (network file
// systems). There the file is renamed, and then the new one is made: the path names no file between the two,
// and whoever makes it first, nothing is replaced.
#ifndef HOLDFAST_FILES_ROTATION_H_
#define HOLDFAST_FILES_ROTATION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "files/rotated_files.h"
#include "os/file.h"

namespace holdfast::files {

struct Rotation {
  uint64_t max_bytes = 0;                // 0: no bound
  std::chrono::milliseconds max_age{0};  // 0: no bound
  size_t keep = SIZE_MAX;                // how many rotated files are kept

  bool is_on() const { return max_bytes != 0 || max_age.count() != 0; }
};

// Rotates `file`, which `path` names, and whose lock the caller holds: that keeps every other process from
// rotating it. `next` is the new file, which `path` names then, and which is locked too; it stays closed
// where somebody else made that, or nobody could. `rotated` are those that there are already.
//
// If this fails, nothing has changed. It fails with EPERM if this user may not give the new file all the
// rights of the old one: somebody would be shut out. And with EMLINK if the file has a further name.
os::Error Rotate(const std::string& path, const os::File& file, const RotatedFiles& rotated, os::File* next);

// Removes, durably, a second name that a rotation has left of `file`, whose lock the caller holds.
os::Error RemoveAlias(const std::string& path, const os::File& file);

}  // namespace holdfast::files

#endif  // HOLDFAST_FILES_ROTATION_H_
