// Who holds the locks on files, for JavaScript.
#include "lock/holders.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/values.h"
#include "os/clock.h"

namespace holdfast {
namespace {

using Found = std::vector<std::vector<lock::Holder>>;

// Of each file, an array of { pid, mode, command }.
Napi::Value ToValue(Napi::Env env, const Found& found) {
  Napi::Array files = Napi::Array::New(env, found.size());
  for (uint32_t i = 0; i < found.size(); i++) {
    Napi::Array holders = Napi::Array::New(env, found[i].size());
    for (uint32_t j = 0; j < found[i].size(); j++) {
      const lock::Holder& holder = found[i][j];
      Napi::Object object = Napi::Object::New(env);
      object["pid"] = holder.process;
      object["mode"] = static_cast<int>(holder.mode);
      object["command"] = holder.command;
      holders[j] = object;
    }
    files[i] = holders;
  }
  return files;
}

os::Clock::time_point After(const Napi::Value& milliseconds) {
  return os::Clock::now() +
         std::chrono::duration_cast<os::Clock::duration>(MillisecondsFrom(milliseconds, "milliseconds"));
}

// identifyForHolders(path, done): done(file) gets text for findHolders, or an error.
void IdentifyForHolders(const Napi::CallbackInfo& info) {
  const auto job = [path = PathFrom(info[0])]() -> Environment::Answer {
    std::string file;
    const os::Error error = lock::IdentifyForHolders(path, &file);
    return [error, file](Napi::Env env) -> Napi::Value {
      if (error) return ToObject(env, error);
      return Napi::String::New(env, file);
    };
  };
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[1], job);
}

// identifyForHoldersSync(path): the text, or an error, which is not thrown.
Napi::Value IdentifyForHoldersSync(const Napi::CallbackInfo& info) {
  std::string file;
  if (const os::Error error = lock::IdentifyForHolders(PathFrom(info[0]), &file))
    return ToObject(info.Env(), error);
  return Napi::String::New(info.Env(), file);
}

std::vector<std::string> FilesFrom(const Napi::Value& value) {
  const Napi::Array array = ArrayFrom(value, "files");
  std::vector<std::string> files;
  for (uint32_t i = 0; i < array.Length(); i++) {
    files.push_back(StringFrom(array.Get(i), "files"));
  }
  return files;
}

// findHolders(files, milliseconds, done): done(holders) gets those of each file, as many as were found in
// this time.
void FindHolders(const Napi::CallbackInfo& info) {
  const auto job = [files = FilesFrom(info[0]), deadline = After(info[1])]() -> Environment::Answer {
    return [found = lock::FindHolders(files, deadline)](Napi::Env env) { return ToValue(env, found); };
  };
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[2], job);
}

// findHoldersSync(files, milliseconds): the same, and blocks this thread.
Napi::Value FindHoldersSync(const Napi::CallbackInfo& info) {
  return ToValue(info.Env(), lock::FindHolders(FilesFrom(info[0]), After(info[1])));
}

}  // namespace

void DefineHolders(Napi::Env env, Napi::Object exports) {
  Define<IdentifyForHolders>(env, exports, "identifyForHolders");
  Define<IdentifyForHoldersSync>(env, exports, "identifyForHoldersSync");
  Define<FindHolders>(env, exports, "findHolders");
  Define<FindHoldersSync>(env, exports, "findHoldersSync");
}

}  // namespace holdfast
