#include "binding/values.h"

#include <system_error>

#include "binding/protocol.h"

namespace holdfast {

std::string PathFrom(const Napi::Value& value) {
  // Nearly every path fits: one call in place of two, for its length and for its bytes.
  char bytes[512];
  size_t length = 0;
  const napi_status status = napi_get_value_string_utf8(value.Env(), value, bytes, sizeof bytes, &length);
  // What does not fit is cut before a character, of at most four bytes.
  if (status == napi_ok && length < sizeof bytes - 4) return std::string(bytes, length);
  if (value.IsString()) return value.As<Napi::String>().Utf8Value();
  if (value.IsBuffer()) {
    const auto bytes = value.As<Napi::Buffer<char>>();
    return std::string(bytes.Data(), bytes.Length());
  }
  throw Napi::TypeError::New(value.Env(), "path: expected a string or a Buffer");
}

uint64_t OffsetFrom(const Napi::Value& value) {
  if (!value.IsBigInt()) return static_cast<uint64_t>(value.As<Napi::Number>().Int64Value());
  bool lossless = false;
  return value.As<Napi::BigInt>().Uint64Value(&lossless);
}

uint64_t BoundFrom(const Napi::Value& value) {
  const double bound = value.As<Napi::Number>().DoubleValue();
  return bound == protocol::kUnbounded ? UINT64_MAX : static_cast<uint64_t>(bound);
}

Napi::Object ToObject(Napi::Env env, const os::Error& error) {
  Napi::Object object = Napi::Object::New(env);
  object["errno"] = error.number;
  object["syscall"] = error.syscall;
  object["text"] = std::generic_category().message(error.number);
  return object;
}

void Throw(Napi::Env env, const os::Error& error) {
  Napi::Error thrown = Napi::Error::New(env, error.syscall);
  const Napi::Object details = ToObject(env, error);
  for (const char* name : {"errno", "syscall", "text"}) thrown.Set(name, details.Get(name));
  throw thrown;
}

}  // namespace holdfast
