// Fencing tokens for JavaScript: numbers; 0 has to be asked for again.
#include "lock/fence.h"

#include <string>

#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/values.h"

namespace holdfast {
namespace {

lock::Mode ModeFrom(const Napi::Value& value) {
  return EnumFrom(value, "mode", lock::Mode::kExclusive);
}

Napi::Value ToValue(Napi::Env env, const os::Error& error, uint64_t token) {
  if (error) return ToObject(env, error);
  return Napi::Number::New(env, static_cast<double>(token));
}

// nextFence(path, mode, done): see lock::NextFence. done(token), or the error.
void NextFence(const Napi::CallbackInfo& info) {
  const auto job = [path = PathFrom(info[0]), mode = ModeFrom(info[1])]() -> Environment::Answer {
    uint64_t token = 0;
    const os::Error error = lock::NextFence(path, mode, &token);
    return [error, token](Napi::Env env) { return ToValue(env, error, token); };
  };
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[2], std::function<Environment::Answer()>(job));
}

// nextFenceSync(path, mode): the same, and blocks this thread. The error is not thrown.
Napi::Value NextFenceSync(const Napi::CallbackInfo& info) {
  uint64_t token = 0;
  const os::Error error = lock::NextFence(PathFrom(info[0]), ModeFrom(info[1]), &token);
  return ToValue(info.Env(), error, token);
}

}  // namespace

void DefineFences(Napi::Env env, Napi::Object exports) {
  Define<NextFence>(env, exports, "nextFence");
  Define<NextFenceSync>(env, exports, "nextFenceSync");
}

}  // namespace holdfast
