// How old a file is, by one clock: that of its file system, which may be a day apart from that of this
// process (a file server; a container with a clock of its own).
//
// Its time now is what it writes down when the file is touched. That is done once for each file; from there
// on the monotonic clock goes on, corrected by each later write that it has noted.
//
// Where it does not know when the file was made, the file is at least as old as the oldest of: what was seen
// of its last write first, and the last change of the newest rotated file, which is its renaming.
#ifndef HOLDFAST_FILES_AGE_H_
#define HOLDFAST_FILES_AGE_H_

#include <string>

#include "files/names.h"
#include "os/clock.h"
#include "os/file.h"

namespace holdfast::files {

class Age {
 public:
  // `path` is that of the chronicle.
  explicit Age(std::string path) : path_(std::move(path)) {}

  // False, too, if that cannot be known.
  bool IsAtLeast(Milliseconds age, const os::File& file);

 private:
  void Begin(const os::File& file, os::FileTimes* times);

  const std::string path_;
  os::FileId id_;          // the file that the rest is about
  Milliseconds began_{0};  // when it was made, at the latest
  Milliseconds now_{0};    // the file system's time at `at_`
  os::Clock::time_point at_;
};

}  // namespace holdfast::files

#endif  // HOLDFAST_FILES_AGE_H_
