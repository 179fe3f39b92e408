#include "lock/named_file.h"

#include <assert.h>
#include <errno.h>

namespace holdfast::lock {
namespace {

os::Error IdOf(os::File* file, os::FileId* id) {
  const os::Error error = file->Id(id);
  if (error) file->Close();
  return error;
}

}  // namespace

os::Error OpenForLock(const std::string& path, os::LockAccess access, os::File* file, os::FileId* id) {
  const os::Error error = os::File::OpenForLock(path, access, file);
  return error ? error : IdOf(file, id);
}

os::Error OpenForAppend(const std::string& path, os::File* file, os::FileId* id) {
  const os::Error error = os::File::OpenForAppend(path, file);
  return error ? error : IdOf(file, id);
}

os::Error StillNames(const std::string& path, Place place, const os::File& file, const os::FileId& id,
                     bool* still) {
  os::FileId named;
  const os::Error error =
      place == Place::kLocal ? os::Identify(path, &named) : os::IdentifyOnServer(path, file, &named);
  *still = !error && named == id;
  return error.number == ENOENT || error.number == ENOTDIR ? os::Error{} : error;
}

Attempt KeepIfNamed(const std::string& path, Place place, const os::FileId& id, const Spec& spec,
                    os::File* file, os::Error* error) {
  assert(file->is_open());
  bool still = false;
  *error = StillNames(path, place, *file, id, &still);
  if (still) return Attempt::kGranted;
  MechanismOf(spec.kind).unlock(*file, spec);
  file->Close();
  return *error ? Attempt::kFailed : Attempt::kMoved;
}

}  // namespace holdfast::lock
