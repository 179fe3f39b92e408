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

// Takes the lock that tells that the maker of this temporary file lives. False: it was removed, or is about
// to be, and another one has to be made.
bool Claim(const std::string& path, const os::File& file) {
  os::Error error;
  const lock::Attempt attempt = lock::kFlock.try_lock(file, lock::Spec{}, &error);
  // Where there are no locks, nobody removes it either.
  if (attempt == lock::Attempt::kFailed) return true;
  return attempt == lock::Attempt::kGranted && IsNamed(path, file);
}

}  // namespace

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

os::Error Temporary::Make(const std::string& path, std::optional<unsigned> permissions) {
  os::Error error{EEXIST, "open"};
  for (int tries = 0; error.number == EEXIST && tries < kMaxTries; tries++)
    error = MakeOnce(path, permissions);
  return error;
}

os::Error Temporary::MakeOnce(const std::string& path, std::optional<unsigned> permissions) {
  const Place place = PlaceOf(path);
  std::string digits;
  if (os::Error error = RandomDigits(&digits)) return error;
  const std::string made = place.directory + place.prefix + digits + std::string(kEnd);
  if (os::Error error = os::File::Make(made, permissions, &file_)) return error.Of(made);
  {
    os::MutexLock guard(mutex_);
    path_ = made;
  }
  if (Claim(made, file_)) return {};
  {
    os::MutexLock guard(mutex_);
    path_.clear();
  }
  file_.Close();
  return {EEXIST, "open", made};
}

os::Error Temporary::Become(const std::string& path, os::File* out) {
  {
    os::MutexLock guard(mutex_);
    if (path_.empty()) return {ENOENT, "rename", path};
    if (os::Error error = os::Rename(path_, path)) return error.Of(path);
    path_.clear();
  }
  *out = std::move(file_);
  return {};
}

void Temporary::Remove() {
  os::MutexLock guard(mutex_);
  if (!path_.empty() && IsNamed(path_, file_)) os::Remove(path_);
  path_.clear();
}

}  // namespace holdfast::files
