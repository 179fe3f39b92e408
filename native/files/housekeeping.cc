#include "files/housekeeping.h"

#include <errno.h>

#include <algorithm>
#include <utility>

namespace holdfast::files {
namespace {

// After a rotation that failed, the next one is tried when this is over; twice as long each time.
constexpr std::chrono::milliseconds kFirstPause{1000};
constexpr std::chrono::milliseconds kLongestPause{60'000};

constexpr size_t kMaxTold = 1000;

}  // namespace

Housekeeping::Housekeeping(std::string path, Rotation rotation)
    : path_(std::move(path)), rotation_(rotation), age_(path_) {}

void Housekeeping::Look(const os::File& file) {
  if (!rotation_.is_on()) return;
  RotatedFiles rotated;
  // An error shows again where it matters.
  if (!ListRotatedFiles(path_, file, &rotated)) TellForeign(rotated);
}

bool Housekeeping::IsDue(const os::File& file, uint64_t size, uint64_t more) {
  if (size == 0) return false;
  if (pause_.count() != 0 && os::Clock::now() < paused_until_) return false;
  if (rotation_.max_bytes != 0 && size + more > rotation_.max_bytes) return true;
  return rotation_.max_age.count() != 0 && age_.IsAtLeast(rotation_.max_age, file);
}

bool Housekeeping::Rotate(const os::File& file, os::File* next) {
  RotatedFiles rotated;
  os::Error error = ListRotatedFiles(path_, file, &rotated);
  if (!error) {
    TellForeign(rotated);
    error = files::Rotate(path_, file, rotated, next);
  }
  if (error) {
    RotationFailed(error);
    return false;
  }
  pause_ = std::chrono::milliseconds(0);
  must_remove_ = true;
  return true;
}

void Housekeeping::RotationFailed(const os::Error& error) {
  problems_.push_back({Problem::Kind::kRotation, error.path.empty() ? error.Of(path_) : error});
  pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
  paused_until_ = os::Clock::now() + pause_;
}

void Housekeeping::RemoveOld(const os::File& file) {
  if (!must_remove_) return;
  must_remove_ = false;
  if (rotation_.keep == SIZE_MAX) return;
  RotatedFiles rotated;
  os::Error first = ListRotatedFiles(path_, file, &rotated);
  size_t failed = first ? 1 : 0;
  const std::vector<std::string>& believed = rotated.believed;
  for (size_t i = 0; !first.number && i + rotation_.keep < believed.size(); i++) {
    // ENOENT: another process removes the same ones.
    const os::Error error = os::Remove(believed[i]);
    if (!error || error.number == ENOENT) {
      os::Remove(IdsPath(believed[i]));
    } else if (failed++ == 0) {
      problems_.push_back({Problem::Kind::kRemoval, error.Of(believed[i])});
    }
  }
  if (first) problems_.push_back({Problem::Kind::kRemoval, first});
  if (failed > 0) problems_.back().count = failed;
}

void Housekeeping::TellForeign(const RotatedFiles& rotated) {
  for (const std::string& path : rotated.foreign) {
    if (told_.size() >= kMaxTold || !told_.insert(path).second) continue;
    problems_.push_back({Problem::Kind::kForeign, {EPERM, "open", path}});
  }
}

}  // namespace holdfast::files
