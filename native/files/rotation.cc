#include "files/rotation.h"

#include <errno.h>

#include "files/succession.h"
#include "files/temporary.h"
#include "lock/mechanism.h"
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

// Gives the file its name as a rotated one: as a second name if `is_linked`, which tells afterwards whether
// that could be.
os::Error NameRotated(const std::string& path, const os::File& file, const RotatedFiles& rotated,
                      std::string* name, bool* is_linked) {
  os::Error error;
  Milliseconds time =
      NextTime(Now(), rotated.believed.empty() ? "" : rotated.believed.back().substr(path.size() + 1));
  for (int tries = 0; *is_linked && tries < kMaxNames; tries++, ++time) {
    *name = RotatedPath(path, StampOf(time));
    error = os::Link(path, *name).Of(*name);
    if (error.number != EEXIST) break;
  }
  // What has the path's name may have become another file since the lock was taken.
  if (*is_linked && !error) return IsNamed(*name, file, &error) ? os::Error{} : error;
  // The directory is that of the file, so it is the file that is mounted there by itself.
  if (error.number == EXDEV) return {EBUSY, "rename", path};
  if (error && !os::IsWithoutLinks(error)) return error;
  *is_linked = false;
  *name = RotatedPath(path, StampOf(time));
  os::Named taken;
  while (!os::LookBeside(*name, file, &taken)) *name = RotatedPath(path, StampOf(++time));
  if (!IsNamed(path, file, &error)) return error;
  return os::Rename(path, *name).Of(path);
}

// Makes the new file where the path names none any more. It may be that somebody else makes it first; then
// that is the new file, and `next` stays closed.
void MakeNext(const std::string& path, const os::File& old, os::File* next) {
  os::Error error;
  bool whole = false;
  if (os::File::Make(path, std::nullopt, next)) return;
  os::CopyRights(old, *next, &whole);
  NoteSuccession(old, *next);
  if (lock::kFlock.try_lock(*next, lock::Spec{}, &error) != lock::Attempt::kGranted) next->Close();
}

}  // namespace

os::Error Rotate(const std::string& path, const os::File& file, const RotatedFiles& rotated, os::File* next) {
  os::Entries entries;
  if (os::Error error = entries.Open(path, false)) return error;
  RemoveAbandoned(path, file);
  Temporary prepared;
  if (os::Error error = prepared.Make(path)) return error;
  bool whole = false;
  if (os::Error error = os::CopyRights(file, prepared.file(), &whole)) return error.Of(path);
  if (!whole) return {EPERM, "fchown", path};
  NoteSuccession(file, prepared.file());

  // A client of a network file system renames a file that it must replace while somebody has it open, so
  // that it has a third name, and the path none for a moment.
  bool is_linked = file.IsLocal();
  std::string name = is_linked ? rotated.alias : "";
  os::Error error;
  if (!rotated.strays.empty() || (!is_linked && !rotated.alias.empty())) {
    if ((error = RemoveAlias(path, file))) return error;
    name.clear();
  }
  if (name.empty()) {
    if ((error = NameRotated(path, file, rotated, &name, &is_linked))) return error;
  }
  if (is_linked) {
    // One that keeps a name that somebody else gave it would not be believed any more.
    uint64_t links = 0;
    if (!(error = file.Links(&links)) && links != 2) error = {EMLINK, "link", path};
    if (!error) error = entries.Sync();
    if (!error && IsNamed(path, file, &error)) error = prepared.Become(path, next);
    if (error) {
      RemoveAlias(path, file);
      return error;
    }
  } else {
    MakeNext(path, file, next);
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
    std::vector<std::string>& names = rotated.strays;
    if (!rotated.alias.empty()) names.push_back(rotated.alias);
    if (names.empty()) return removed ? os::SyncDirectory(path, false) : os::Error{};
    for (const std::string& name : names) {
      // Never the last name of the file.
      os::Error error;
      if (!IsNamed(path, file, &error)) return error;
      if ((error = os::Remove(name))) return error.Of(name);
    }
  }
}

}  // namespace holdfast::files
