// The addon: what Node calls when it loads it, once for each environment. Only native/binding includes
// napi.h.
#include <napi.h>

#include <memory>

#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/sources.h"
#include "os/library.h"

namespace holdfast {
namespace {

Napi::Object Load(Napi::Env env, Napi::Object exports) {
  os::KeepLibraryLoaded();
  env.SetInstanceData(new Environment(env));
  DefineProtocol(env, exports);
  DefineLocks(env, exports);
  DefineFences(env, exports);
  DefineHolders(env, exports);
  DefineFiles(env, exports);
  DefineReplacements(env, exports);
  DefineEvents(env, exports);
  DefineLines(env, exports);
  DefineWriter(env, exports);
  exports.Set("sources", Napi::String::New(env, kSources));
  return exports;
}

}  // namespace

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Load)

}  // namespace holdfast
