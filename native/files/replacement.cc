#include "files/replacement.h"

#include <errno.h>

#include "files/succession.h"
#include "os/directory.h"
#include "os/rights.h"

namespace holdfast::files {

os::Error Replacement::Begin(Plan plan, Begun* out) {
  os::MutexLock guard(mutex_);
  kind_ = plan.kind;
  old_ = std::move(plan.old);
  if (kind_ == Old::kNamed) {
    if (os::Error error = OpenOld()) return error;
  }
  out->is_new = !old_.is_open();
  if (plan.search) out->names = RemoveAbandoned(path_, os::File());
  // Until it has its owner, nobody else can open it.
  const std::optional<unsigned> permissions =
      out->is_new ? std::optional<unsigned>(plan.permissions) : std::nullopt;
  os::Error error = temporary_.Make(path_, permissions);
  if (!error) error = GiveRights();
  if (!error && kind_ == Old::kGiven) CopySuccession(old_, temporary_.file());
  if (error) temporary_.Remove();
  return error;
}

os::Error Replacement::Write(const std::string& bytes) {
  os::MutexLock guard(mutex_);
  return temporary_.file().Append("", 0, bytes.data(), bytes.size());
}

os::Error Replacement::Sync(os::Durability durability) {
  os::MutexLock guard(mutex_);
  return temporary_.file().Sync(durability);
}

os::Error Replacement::Finish(std::optional<bool> ancestors, bool insist, Outcome* out) {
  os::MutexLock guard(mutex_);
  *out = Outcome::kFailed;
  // First, because after the renaming nothing must be lacking.
  os::Entries entries;
  if (ancestors) {
    if (os::Error error = entries.Open(path_, *ancestors)) return error.Of(path_);
  }
  bool is_named = true;
  if (!insist) {
    if (os::Error error = IsOldNamed(&is_named)) return error;
  }
  if (!is_named) {
    *out = Outcome::kChanged;
    if (kind_ != Old::kNamed) return {};
    if (os::Error error = OpenOld()) return error;
    return GiveRights();
  }
  // Some file systems of Windows replace no file that is open.
  old_.Close();
  os::File file;
  if (os::Error error = temporary_.Become(path_, &file)) return error;
  *out = Outcome::kReplaced;
  const os::Error unsynced = ancestors ? entries.Sync() : os::Error{};
  // Not before: while it is open, nobody takes it for abandoned.
  const os::Error unclosed = file.Close();
  return (unsynced ? unsynced : unclosed).Of(path_);
}

void Replacement::Discard() {
  os::MutexLock guard(mutex_);
  temporary_.Remove();
}

os::Error Replacement::OpenOld() {
  old_.Close();  // if it cannot be opened
  const os::Error error = os::File::OpenToReplace(path_, &old_);
  return error.number == ENOENT ? os::Error{} : error.Of(path_);
}

os::Error Replacement::GiveRights() {
  bool whole = false;
  return old_.is_open() ? os::CopyRights(old_, temporary_.file(), &whole) : os::Error{};
}

os::Error Replacement::IsOldNamed(bool* out) {
  os::Named named;
  const os::Error error = os::LookBeside(path_, old_, &named);
  if (error && error.number != ENOENT) return error.Of(path_);
  *out = error ? !old_.is_open() : false;
  if (error || !old_.is_open()) return {};
  os::FileId id;
  if (os::Error failed = old_.Id(&id)) return failed;
  *out = named.id == id;
  return {};
}

}  // namespace holdfast::files
