// Files for JavaScript: what node:fs does not do, or not on threads of our own.
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/protocol.h"
#include "binding/values.h"
#include "os/directory.h"
#include "os/file.h"
#include "os/rights.h"

namespace holdfast {
namespace {

bool HasAncestors(const Napi::Value& entries) {
  using protocol::SyncedEntries;
  return EnumFrom(entries, "entries", SyncedEntries::kWithAncestors) == SyncedEntries::kWithAncestors;
}

// sync(descriptor, durability, done): makes what was written to the file durable.
void Sync(const Napi::CallbackInfo& info) {
  // A handle of our own: the caller's may be closed, and its number given to another file, while we wait.
  auto file = std::make_shared<os::File>();
  const os::File::Handle handle = os::File::OfDescriptor(DescriptorFrom(info[0], "descriptor"));
  if (os::Error error = os::File::Duplicate(handle, file.get())) Throw(info.Env(), error);
  const auto durability = EnumFrom(info[1], "durability", os::Durability::kFull);
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[2], [file, durability] {
    const os::Error error = file->Sync(durability);
    file->Close();
    return error;
  });
}

// copyRights(from, to, done): of one descriptor's file to another's; see os::CopyRights.
void CopyRights(const Napi::CallbackInfo& info) {
  auto files = std::make_shared<std::pair<os::File, os::File>>();
  const auto duplicate = [&info](const Napi::Value& descriptor, os::File* file) {
    const os::File::Handle handle = os::File::OfDescriptor(DescriptorFrom(descriptor, "descriptor"));
    if (os::Error error = os::File::Duplicate(handle, file)) Throw(info.Env(), error);
  };
  duplicate(info[0], &files->first);
  duplicate(info[1], &files->second);
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[2], [files] {
    bool whole = false;
    const os::Error error = os::CopyRights(files->first, files->second, &whole);
    files->first.Close();
    files->second.Close();
    return error;
  });
}

// syncDirectory(path, entries, done): makes directory entries durable; see os::SyncDirectory.
void SyncDirectory(const Napi::CallbackInfo& info) {
  const bool ancestors = HasAncestors(info[1]);
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[2], [path = PathFrom(info[0]), ancestors] {
    return os::SyncDirectory(path, ancestors);
  });
}

// replace(from, to, entries, done): see os::Rename; and then makes the directory entries durable, unless
// `entries` is undefined. `replaced` of an error says whether the file has its new name all the same.
void Replace(const Napi::CallbackInfo& info) {
  const bool is_durable = !info[2].IsUndefined();
  const bool ancestors = is_durable && HasAncestors(info[2]);
  const auto job = [from = PathFrom(info[0]), to = PathFrom(info[1]), is_durable,
                    ancestors]() -> Environment::Answer {
    bool replaced = false;
    os::Entries entries;
    os::Error error;
    // First, because after the renaming nothing must be lacking.
    if (is_durable) error = entries.Open(to, ancestors);
    if (!error) {
      error = os::Rename(from, to);
      replaced = !error;
    }
    if (!error && is_durable) error = entries.Sync();
    return [error, replaced](Napi::Env env) -> Napi::Value {
      if (!error) return env.Null();
      Napi::Object object = ToObject(env, error);
      object["replaced"] = replaced;
      return object;
    };
  };
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[3], std::function<Environment::Answer()>(job));
}

}  // namespace

void DefineFiles(Napi::Env env, Napi::Object exports) {
  Define<Sync>(env, exports, "sync");
  Define<CopyRights>(env, exports, "copyRights");
  Define<SyncDirectory>(env, exports, "syncDirectory");
  Define<Replace>(env, exports, "replace");
}

}  // namespace holdfast
