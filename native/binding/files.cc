// Files for JavaScript: what node:fs does not do, or not on threads of our own.
#include <errno.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/protocol.h"
#include "binding/values.h"
#include "files/rotated_files.h"
#include "files/rotation.h"
#include "files/succession.h"
#include "files/temporary.h"
#include "os/directory.h"
#include "os/file.h"
#include "os/pipe.h"
#include "os/rights.h"

namespace holdfast {
namespace {

bool HasAncestors(const Napi::Value& entries) {
  using protocol::SyncedEntries;
  return EnumFrom(entries, "entries", SyncedEntries::kWithAncestors) == SyncedEntries::kWithAncestors;
}

// A handle of our own: the caller's may be closed, and its number given to another file, while we wait.
std::shared_ptr<os::File> FileFrom(const Napi::Value& descriptor) {
  auto file = std::make_shared<os::File>();
  const os::File::Handle handle = os::File::OfDescriptor(DescriptorFrom(descriptor, "descriptor"));
  if (os::Error error = os::File::Duplicate(handle, file.get())) Throw(descriptor.Env(), error);
  return file;
}

// sync(descriptor, durability, done): makes what was written to the file durable.
void Sync(const Napi::CallbackInfo& info) {
  const std::shared_ptr<os::File> file = FileFrom(info[0]);
  const auto durability = EnumFrom(info[1], "durability", os::Durability::kFull);
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[2], [file, durability] {
    const os::Error error = file->Sync(durability);
    file->Close();
    return error;
  });
}

// awaitReaderGone(descriptor, done): see os::AwaitReaderGone.
void AwaitReaderGone(const Napi::CallbackInfo& info) {
  const std::shared_ptr<os::File> file = FileFrom(info[0]);
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[1], [file] {
    const os::Error error = os::AwaitReaderGone(*file);
    file->Close();
    return error;
  });
}

// copyRights(from, to, done): of one descriptor's file to another's; see os::CopyRights.
void CopyRights(const Napi::CallbackInfo& info) {
  Environment::Of(info.Env())
      .RunOnHelper(info.Env(), info[2], [from = FileFrom(info[0]), to = FileFrom(info[1])] {
        bool whole = false;
        const os::Error error = os::CopyRights(*from, *to, &whole);
        from->Close();
        to->Close();
        return error;
      });
}

// copySuccession(from, to, done): of one descriptor's file to another's; see files::CopySuccession.
void CopySuccession(const Napi::CallbackInfo& info) {
  Environment::Of(info.Env())
      .RunOnHelper(info.Env(), info[2], [from = FileFrom(info[0]), to = FileFrom(info[1])] {
        files::CopySuccession(*from, *to);
        from->Close();
        to->Close();
        return os::Error{};
      });
}

// syncDirectory(path, entries, done): makes directory entries durable; see os::SyncDirectory.
void SyncDirectory(const Napi::CallbackInfo& info) {
  const bool ancestors = HasAncestors(info[1]);
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[2], [path = PathFrom(info[0]), ancestors] {
    return os::SyncDirectory(path, ancestors);
  });
}

// An array of Buffers: names are bytes, and need not be UTF-8.
Napi::Array PathsOf(Napi::Env env, const std::vector<std::string>& paths) {
  Napi::Array array = Napi::Array::New(env, paths.size());
  for (uint32_t i = 0; i < paths.size(); i++) {
    array[i] = Napi::Buffer<char>::Copy(env, paths[i].data(), paths[i].size());
  }
  return array;
}

// The rotated files of the chronicle at `path`, beside the file that the path names while they are listed.
os::Error ListBesideNamed(const std::string& path, files::RotatedFiles* out) {
  constexpr int kMaxTries = 8;
  for (int tries = 0;; tries++) {
    os::File file;
    const os::Error error = os::File::OpenForReading(path, &file);
    if (error && error.number != ENOENT && error.number != EACCES && error.number != EPERM) return error;
    if (os::Error failed = files::ListRotatedFiles(path, file, out)) return failed;
    os::FileId id, named;
    if (!file.is_open() || tries == kMaxTries) return {};
    if (os::Error failed = file.Id(&id)) return failed;
    // Or a rotation meanwhile may have made it one of those that were passed over.
    if (!os::Identify(path, &named) && named == id) return {};
  }
}

// rotatedFiles(path, descriptor, done): see files::ListRotatedFiles. `descriptor` is that of the chronicle's
// file; without one, it is what the path names. done({ believed, compressed, foreign }), or the error.
void RotatedFiles(const Napi::CallbackInfo& info) {
  const auto file = info[1].IsUndefined() ? std::make_shared<os::File>() : FileFrom(info[1]);
  const auto job = [path = PathFrom(info[0]), file]() -> Environment::Answer {
    files::RotatedFiles found;
    const os::Error error =
        file->is_open() ? files::ListRotatedFiles(path, *file, &found) : ListBesideNamed(path, &found);
    file->Close();
    return [error, found = std::move(found)](Napi::Env env) -> Napi::Value {
      if (error) return ToObject(env, error);
      Napi::Object answer = Napi::Object::New(env);
      answer["believed"] = PathsOf(env, found.believed);
      answer["compressed"] = PathsOf(env, found.compressed);
      answer["foreign"] = PathsOf(env, found.foreign);
      return answer;
    };
  };
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[2], std::function<Environment::Answer()>(job));
}

// successionOf(descriptor, done): see files::SuccessionOf. done(note).
void SuccessionOf(const Napi::CallbackInfo& info) {
  const std::shared_ptr<os::File> file = FileFrom(info[0]);
  const auto job = [file]() -> Environment::Answer {
    std::string note = files::SuccessionOf(*file);
    file->Close();
    return [note = std::move(note)](Napi::Env env) -> Napi::Value { return Napi::String::New(env, note); };
  };
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[1], std::function<Environment::Answer()>(job));
}

// removeAlias(path, descriptor, done): see files::RemoveAlias.
void RemoveAlias(const Napi::CallbackInfo& info) {
  const std::shared_ptr<os::File> file = FileFrom(info[1]);
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[2], [path = PathFrom(info[0]), file] {
    const os::Error error = files::RemoveAlias(path, *file);
    file->Close();
    return error;
  });
}

// claimTemporary(path, descriptor, done): see files::ClaimTemporary. done(true), or false.
void ClaimTemporary(const Napi::CallbackInfo& info) {
  const std::shared_ptr<os::File> file = FileFrom(info[1]);
  const auto job = [path = PathFrom(info[0]), file]() -> Environment::Answer {
    const bool is_ours = files::ClaimTemporary(path, *file);
    file->Close();
    return [is_ours](Napi::Env env) -> Napi::Value { return Napi::Boolean::New(env, is_ours); };
  };
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[2], std::function<Environment::Answer()>(job));
}

// removeAbandoned(path, done): see files::RemoveAbandoned. done(how many names were looked at).
void RemoveAbandoned(const Napi::CallbackInfo& info) {
  const auto job = [path = PathFrom(info[0])]() -> Environment::Answer {
    const auto count = static_cast<double>(files::RemoveAbandoned(path, os::File()));
    return [count](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, count); };
  };
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[1], std::function<Environment::Answer()>(job));
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
  Define<AwaitReaderGone>(env, exports, "awaitReaderGone");
  Define<CopyRights>(env, exports, "copyRights");
  Define<CopySuccession>(env, exports, "copySuccession");
  Define<SyncDirectory>(env, exports, "syncDirectory");
  Define<RotatedFiles>(env, exports, "rotatedFiles");
  Define<SuccessionOf>(env, exports, "successionOf");
  Define<RemoveAlias>(env, exports, "removeAlias");
  Define<ClaimTemporary>(env, exports, "claimTemporary");
  Define<RemoveAbandoned>(env, exports, "removeAbandoned");
  Define<Replace>(env, exports, "replace");
}

}  // namespace holdfast
