#include "files/rotation.h"

#include <errno.h>

#include "files/temporary.h"
#include "os/directory.h"
#include "os/rights.h"

namespace holdfast::files {
namespace {

// How many names are tried, one millisecond after the other.
constexpr int kMaxNames = 1000;

// Whether the name, not through a link, is that of the file.
bool IsNamed(const std::string& path, const os::File& file, os::Error* error) {
  os::FileId id;
  os::Named named;
  *error = file.Id(&id);
  if (!*error) *error = os::LookBeside(path, file, &named).Of(path);
  if (!*error && named.id != id) *error = os::Error{EBUSY, "rename", path};
  return !*error;
}

// Gives the file its name as a rotated one: as a second name, if that can be.
os::Error NameRotated(const std::string& path, const os::File& file, const RotatedFiles& rotated,
                      std::string* name, bool* is_linked) {
  os::Error error;
  Milliseconds time =
      NextTime(Now(), rotated.believed.empty() ? "" : rotated.believed.back().substr(path.size() + 1));
  *is_linked = true;
  for (int tries = 0; tries < kMaxNames; tries++, ++time) {
    *name = RotatedPath(path, StampOf(time));
    error = os::Link(path, *name).Of(*name);
    if (error.number != EEXIST) break;
  }
  // What has the path's name may have become another file since the lock was taken.
  if (!error) return IsNamed(*name, file, &error) ? os::Error{} : error;
  // The directory is that of the file, so it is the file that is mounted there by itself.
  if (error.number == EXDEV) return {EBUSY, "rename", path};
  if (!os::IsWithoutLinks(error)) return error;
  *is_linked = false;
  os::Named taken;
  for (; !os::LookBeside(*name, file, &taken); ++time) *name = RotatedPath(path, StampOf(time));
  if (!IsNamed(path, file, &error)) return error;
  return os::Rename(path, *name).Of(path);
}

}  // namespace

os::Error Rotate(const std::string& path, const os::File& file, const RotatedFiles& rotated,
                 os::Durability durability, os::File* next) {
  os::Entries entries;
  if (durability != os::Durability::kNone) {
    if (os::Error error = entries.Open(path, false)) return error;
  }
  RemoveAbandoned(path, file);
  Temporary prepared;
  if (os::Error error = prepared.Make(path)) return error;
  bool whole = false;
  if (os::Error error = os::CopyRights(file, prepared.file(), &whole)) return error.Of(path);
  if (!whole) return {EPERM, "fchown", path};

  std::string name = rotated.alias;
  bool is_linked = true;
  os::Error error;
  if (name.empty()) {
    if ((error = NameRotated(path, file, rotated, &name, &is_linked))) return error;
  }
  if (is_linked && entries.is_open()) error = entries.Sync();
  if (!error && (!is_linked || IsNamed(path, file, &error))) error = prepared.Become(path, next);
  if (error) {
    if (is_linked) {
      RemoveAlias(path, file);
    } else {
      os::Rename(name, path);
    }
    return error;
  }
  // Only a cache: if this fails, it is made again.
  os::Rename(IdsPath(path), IdsPath(name));
  return {};
}

os::Error RemoveAlias(const std::string& path, const os::File& file) {
  for (bool removed = false;; removed = true) {
    RotatedFiles rotated;
    if (os::Error error = ListRotatedFiles(path, file, &rotated)) return error;
    // After a power loss it must not be there beside the file that is to take the place of this one.
    if (rotated.alias.empty()) return removed ? os::SyncDirectory(path, false) : os::Error{};
    if (os::Error error = os::Remove(rotated.alias)) return error.Of(rotated.alias);
  }
}

}  // namespace holdfast::files
