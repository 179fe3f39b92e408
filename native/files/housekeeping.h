// Housekeeping: what is done for a chronicle besides appending, and never stops that (promise C13). What
// cannot be done is told as a problem, and tried again later; appending goes on in the file that is there.
#ifndef HOLDFAST_FILES_HOUSEKEEPING_H_
#define HOLDFAST_FILES_HOUSEKEEPING_H_

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "files/age.h"
#include "files/rotation.h"
#include "os/clock.h"
#include "os/file.h"

namespace holdfast::files {

struct Problem {
  enum class Kind {
    kRotation,  // a rotation that is due could not be made
    kRemoval,   // rotated files beyond `keep` could not be removed; the error is that of the first one
    kForeign,   // files that are called as rotated ones, but are not believed (rotated_files.h)
  };
  Kind kind;
  os::Error error;   // with the path of the file that was met
  size_t count = 1;  // of files
};

class Housekeeping {
 public:
  Housekeeping(std::string path, Rotation rotation);

  // Looks for files that are not believed, so that somebody learns of them although no rotation is due.
  void Look(const os::File& file);

  // True if `more` bytes must not be added to this file, which has `size`. An empty file is never rotated;
  // and none for a while after a rotation that failed.
  bool IsDue(const os::File& file, uint64_t size, uint64_t more);

  // As files::Rotate. False if it failed.
  bool Rotate(const os::File& file, os::File* next);

  // After a rotation, and without the lock: removes the oldest rotated files beyond `keep`.
  void RemoveOld(const os::File& file);

  // A rotation failed with this error, before it was begun.
  void RotationFailed(const os::Error& error);

  // Since the last call.
  std::vector<Problem> TakeProblems() { return std::exchange(problems_, {}); }

 private:
  void TellForeign(const RotatedFiles& rotated);

  const std::string path_;
  const Rotation rotation_;
  Age age_;
  bool must_remove_ = false;
  std::chrono::milliseconds pause_{0};  // 0: the last rotation did not fail
  os::Clock::time_point paused_until_;
  std::set<std::string> told_;  // of the foreign ones
  std::vector<Problem> problems_;
};

}  // namespace holdfast::files

#endif  // HOLDFAST_FILES_HOUSEKEEPING_H_
