// Files for JavaScript: what node:fs does not do, or not on threads of our own.
#include <errno.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/values.h"
#include "files/rotated_files.h"
#include "files/rotation.h"
#include "files/succession.h"
#include "os/directory.h"
#include "os/file.h"
#include "os/pipe.h"
#include "os/rights.h"

namespace holdfast {
namespace {

std::shared_ptr<os::File> SharedFileFrom(const Napi::Value& descriptor) {
  return std::make_shared<os::File>(FileFrom(descriptor));
}

// sync(descriptor, durability, done): makes what was written to the file durable.
void Sync(const Napi::CallbackInfo& info) {
  const std::shared_ptr<os::File> file = SharedFileFrom(info[0]);
  const auto durability = EnumFrom(info[1], "durability", os::Durability::kFull);
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[2], [file, durability] {
    const os::Error error = file->Sync(durability);
    file->Close();
    return error;
  });
}

// awaitReaderGone(descriptor, done): see os::AwaitReaderGone.
void AwaitReaderGone(const Napi::CallbackInfo& info) {
  const std::shared_ptr<os::File> file = SharedFileFrom(info[0]);
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[1], [file] {
    const os::Error error = os::AwaitReaderGone(*file);
    file->Close();
    return error;
  });
}

// copyRights(from, to, done): of one descriptor's file to another's; see os::CopyRights.
void CopyRights(const Napi::CallbackInfo& info) {
  Environment::Of(info.Env())
      .RunOnHelper(info.Env(), info[2], [from = SharedFileFrom(info[0]), to = SharedFileFrom(info[1])] {
        bool whole = false;
        const os::Error error = os::CopyRights(*from, *to, &whole);
        from->Close();
        to->Close();
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
  const auto file = info[1].IsUndefined() ? std::make_shared<os::File>() : SharedFileFrom(info[1]);
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
  const std::shared_ptr<os::File> file = SharedFileFrom(info[0]);
  const auto job = [file]() -> Environment::Answer {
    std::string note = files::SuccessionOf(*file);
    file->Close();
    return [note = std::move(note)](Napi::Env env) -> Napi::Value { return Napi::String::New(env, note); };
  };
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[1], std::function<Environment::Answer()>(job));
}

// removeAlias(path, descriptor, done): see files::RemoveAlias.
void RemoveAlias(const Napi::CallbackInfo& info) {
  const std::shared_ptr<os::File> file = SharedFileFrom(info[1]);
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[2], [path = PathFrom(info[0]), file] {
    const os::Error error = files::RemoveAlias(path, *file);
    file->Close();
    return error;
  });
}

}  // namespace

void DefineFiles(Napi::Env env, Napi::Object exports) {
  Define<Sync>(env, exports, "sync");
  Define<AwaitReaderGone>(env, exports, "awaitReaderGone");
  Define<CopyRights>(env, exports, "copyRights");
  Define<SyncDirectory>(env, exports, "syncDirectory");
  Define<RotatedFiles>(env, exports, "rotatedFiles");
  Define<SuccessionOf>(env, exports, "successionOf");
  Define<RemoveAlias>(env, exports, "removeAlias");
}

}  // namespace holdfast
