// What the addon exports, by subject: each function adds what its file holds to `exports`.
#ifndef HOLDFAST_BINDING_EXPORTS_H_
#define HOLDFAST_BINDING_EXPORTS_H_

#include <napi.h>

namespace holdfast {

void DefineProtocol(Napi::Env env, Napi::Object exports);
void DefineLocks(Napi::Env env, Napi::Object exports);
void DefineFences(Napi::Env env, Napi::Object exports);
void DefineHolders(Napi::Env env, Napi::Object exports);
void DefineFiles(Napi::Env env, Napi::Object exports);
void DefineReplacements(Napi::Env env, Napi::Object exports);
void DefineEvents(Napi::Env env, Napi::Object exports);
void DefineLines(Napi::Env env, Napi::Object exports);
void DefineWriter(Napi::Env env, Napi::Object exports);

// A function of JavaScript, under the name by which lib/native calls it.
template <auto function>
void Define(Napi::Env env, Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<function>(env, name));
}

}  // namespace holdfast

#endif  // HOLDFAST_BINDING_EXPORTS_H_
