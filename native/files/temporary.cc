#include "files/temporary.h"

#include <errno.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "lock/mechanism.h"
#include "os/directory.h"
#include "os/random.h"

namespace holdfast::files {
namespace {

// Nearly every file system takes names of 255 bytes.
constexpr size_t kMaxBase = 200;
constexpr size_t kRandomDigits = 24;
constexpr std::string_view kEnd = ".tmp";

constexpr int kMaxTries = 16;

// The directory of a path, with its separator, and the beginning of the names of temporary files.
struct Place {
  std::string directory, prefix;
};

Place PlaceOf(const std::string& path) {
  const size_t slash = path.find_last_of(os::kSeparators);
  std::string base = slash == std::string::npos ? path : path.substr(slash + 1);
  if (base.size() > kMaxBase) {
    // A UTF-8 character is not cut in two.
    size_t end = kMaxBase;
    while (end < base.size() && (static_cast<unsigned char>(base[end]) & 0xc0) == 0x80) end--;
    base.resize(end);
  }
  return {slash == std::string::npos ? "" : path.substr(0, slash + 1), '.' + base + '.'};
}

os::Error RandomDigits(std::string* digits) {
  uint8_t bytes[kRandomDigits / 2];
  if (os::Error error = os::RandomBytes(bytes, sizeof bytes)) return error;
  digits->clear();
  for (const uint8_t byte : bytes) {
    for (const int half : {byte >> 4, byte & 15}) *digits += "0123456789abcdef"[half];
  }
  return {};
}

bool IsTemporary(const std::string& name, const std::string& prefix) {
  if (name.size() != prefix.size() + kRandomDigits + kEnd.size()) return false;
  if (name.compare(0, prefix.size(), prefix) != 0) return false;
  const std::string_view rest = std::string_view(name).substr(prefix.size());
  return rest.substr(kRandomDigits) == kEnd &&
         std::all_of(rest.begin(), rest.begin() + kRandomDigits, [](char digit) {
           return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
         });
}

bool IsNamed(const std::string& path, const os::File& file) {
  os::FileId id;
  os::Named named;
  return !file.Id(&id) && !os::LookBeside(path, file, &named) && named.id == id;
}

}  // namespace

bool ClaimTemporary(const std::string& path, const os::File& file) {
  os::Error error;
  const lock::Attempt attempt = lock::kFlock.try_lock(file, lock::Spec{}, &error);
  // Where there are no locks, nobody removes it either.
  if (attempt == lock::Attempt::kFailed) return true;
  return attempt == lock::Attempt::kGranted && IsNamed(path, file);
}

size_t RemoveAbandoned(const std::string& path, const os::File& chronicle) {
  const Place place = PlaceOf(path);
  os::Directory listed;
  size_t count = 0;
  if (listed.Open(place.directory.empty() ? "." : place.directory)) return count;
  for (std::string name; !listed.Next(&name) && !name.empty(); count++) {
    if (!IsTemporary(name, place.prefix)) continue;
    const std::string found = place.directory + name;
    os::File file;
    os::Error error;
    // What cannot be removed is no harm but the place that it takes.
    if (os::File::OpenBelieved(found, chronicle, true, &file)) continue;
    if (lock::kFlock.try_lock(file, lock::Spec{}, &error) != lock::Attempt::kGranted) continue;
    if (IsNamed(found, file)) os::Remove(found);
  }
  return count;
}

Temporary::~Temporary() {
  if (!path_.empty() && IsNamed(path_, file_)) os::Remove(path_);
}

os::Error Temporary::Make(const std::string& path) {
  const Place place = PlaceOf(path);
  os::Error error{EEXIST, "open"};
  for (int tries = 0; error.number == EEXIST && tries < kMaxTries; tries++) {
    std::string digits;
    if (os::Error failed = RandomDigits(&digits)) return failed;
    std::string made = place.directory + place.prefix + digits + std::string(kEnd);
    error = os::File::Make(made, &file_).Of(made);
    if (error) continue;
    path_ = std::move(made);
    if (ClaimTemporary(path_, file_)) return {};
    file_.Close();
    path_.clear();
    error = {EEXIST, "open"};
  }
  return error;
}

os::Error Temporary::Become(const std::string& path, os::File* out) {
  if (os::Error error = os::Rename(path_, path)) return error.Of(path);
  path_.clear();
  *out = std::move(file_);
  return {};
}

}  // namespace holdfast::files
