#include "files/age.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "files/rotated_files.h"

namespace holdfast::files {

bool Age::IsAtLeast(Milliseconds age, const os::File& file) {
  os::FileTimes times;
  if (file.Times(&times)) return false;
  if (times.id != id_) Begin(file, &times);
  if (!times.born) began_ = std::min(began_, times.modified);
  const auto at = os::Clock::now();
  const Milliseconds now = now_ + std::chrono::duration_cast<Milliseconds>(at - at_);
  if (times.modified > now) {
    now_ = times.modified;
    at_ = at;
  }
  return std::max(now, times.modified) - began_ >= age;
}

void Age::Begin(const os::File& file, os::FileTimes* times) {
  id_ = times->id;
  began_ = times->born.value_or(times->modified);
  if (!times->born) {
    std::vector<std::string> rotated;
    os::File last;
    os::FileTimes of_last;
    if (!ListRotatedFiles(path_, file, &rotated) && !rotated.empty() &&
        !OpenRotatedFile(rotated.back(), file, &last) && !last.Times(&of_last)) {
      began_ = std::min(began_, of_last.changed);
    }
  }
  // If it cannot be touched, the time of its last write has to do.
  os::FileTimes touched;
  if (!file.Touch() && !file.Times(&touched)) *times = touched;
  now_ = times->modified;
  at_ = os::Clock::now();
}

}  // namespace holdfast::files
