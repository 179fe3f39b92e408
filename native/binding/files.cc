// Files for JavaScript: what node:fs does not do, or not on threads of our own.
#include <memory>
#include <string>

#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/protocol.h"
#include "binding/values.h"
#include "os/directory.h"
#include "os/file.h"

namespace holdfast {
namespace {

// sync(descriptor, durability, done): makes what was written to the file durable.
void Sync(const Napi::CallbackInfo& info) {
  // A handle of our own: the caller's may be closed, and its number given to another file, while we wait.
  auto file = std::make_shared<os::File>();
  const os::File::Handle handle = os::File::OfDescriptor(info[0].As<Napi::Number>().Int32Value());
  if (os::Error error = os::File::Duplicate(handle, file.get())) Throw(info.Env(), error);
  const auto durability = static_cast<os::Durability>(info[1].As<Napi::Number>().Int32Value());
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[2], [file, durability] {
    const os::Error error = file->Sync(durability);
    file->Close();
    return error;
  });
}

// syncDirectory(path, entries, done): makes directory entries durable; see os::SyncDirectory.
void SyncDirectory(const Napi::CallbackInfo& info) {
  const int entries = info[1].As<Napi::Number>().Int32Value();
  const bool ancestors = entries == static_cast<int>(protocol::SyncedEntries::kWithAncestors);
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[2], [path = PathFrom(info[0]), ancestors] {
    return os::SyncDirectory(path, ancestors);
  });
}

// rename(from, to, done): see os::Rename.
void Rename(const Napi::CallbackInfo& info) {
  Environment::Of(info.Env())
      .RunOnHelper(info.Env(), info[2],
                   [from = PathFrom(info[0]), to = PathFrom(info[1])] { return os::Rename(from, to); });
}

}  // namespace

void DefineFiles(Napi::Env env, Napi::Object exports) {
  Define<Sync>(env, exports, "sync");
  Define<SyncDirectory>(env, exports, "syncDirectory");
  Define<Rename>(env, exports, "rename");
}

}  // namespace holdfast
