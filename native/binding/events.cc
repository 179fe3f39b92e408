// Ids of events.
#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/values.h"
#include "chain/sha256.h"
#include "event/plain_json.h"

namespace holdfast {
namespace {

Napi::Value IdOf(Napi::Env env, event::PlainJson& plain_json, std::string_view json) {
  const std::string_view canonical = plain_json.Canonical(json);
  if (canonical.empty()) return env.Undefined();
  chain::Sha256 hash;
  hash.Add(canonical);
  const std::string id = hash.Hex();
  napi_value value = nullptr;
  // As Latin-1, which copies bytes, and all of it is ASCII.
  const napi_status status = napi_create_string_latin1(env, id.data(), id.size(), &value);
  NAPI_THROW_IF_FAILED(env, status, Napi::Value());
  return Napi::Value(env, value);
}

// idOfPlainJson(json): the SHA-256 of its canonical form; undefined if it is not plain, see event::PlainJson.
Napi::Value IdOfPlainJson(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  // Nearly every event fits: one call in place of two, for its length and for its bytes.
  char bytes[4096];
  size_t length = 0;
  const napi_status status = napi_get_value_string_utf8(env, info[0], bytes, sizeof bytes, &length);
  // What does not fit is cut before a character, of at most four bytes.
  if (status == napi_ok && length < sizeof bytes - 4) {
    return IdOf(env, Environment::Of(env).plain_json(), {bytes, length});
  }
  const std::string json = StringFrom(info[0], "json");
  // Keeps no memory for an event that is longer than most.
  event::PlainJson plain_json;
  return IdOf(env, plain_json, json);
}

}  // namespace

void DefineEvents(Napi::Env env, Napi::Object exports) {
  Define<IdOfPlainJson>(env, exports, "idOfPlainJson");
}

}  // namespace holdfast
