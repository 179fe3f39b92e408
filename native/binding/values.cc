#include "binding/values.h"

#include <algorithm>
#include <system_error>

#include "binding/protocol.h"

namespace holdfast {
namespace {

constexpr int64_t kMaxSafeInteger = (int64_t{1} << 53) - 1;

[[noreturn]] void Refuse(const Napi::Value& value, const char* name, const char* expected) {
  throw Napi::TypeError::New(value.Env(), std::string(name) + ": expected " + expected);
}

double NumberFrom(const Napi::Value& value, const char* name) {
  double number = 0;
  if (napi_get_value_double(value.Env(), value, &number) != napi_ok) Refuse(value, name, "a number");
  return number;
}

}  // namespace

std::string PathFrom(const Napi::Value& value) {
  // Nearly every path fits: one call in place of two, for its length and for its bytes.
  char bytes[512];
  size_t length = 0;
  const napi_status status = napi_get_value_string_utf8(value.Env(), value, bytes, sizeof bytes, &length);
  std::string path;
  // What does not fit is cut before a character, of at most four bytes.
  if (status == napi_ok && length < sizeof bytes - 4) {
    path.assign(bytes, length);
  } else if (value.IsString()) {
    path = value.As<Napi::String>().Utf8Value();
  } else {
    path = BytesFrom(value, "path");
  }
  if (path.find('\0') != std::string::npos) Refuse(value, "path", "without NUL bytes");
  return path;
}

int64_t IntegerFrom(const Napi::Value& value, const char* name, int64_t min, int64_t max) {
  const double number = NumberFrom(value, name);
  // Not a number fails as well.
  const bool is_whole = number >= static_cast<double>(min) && number <= static_cast<double>(max) &&
                        static_cast<double>(static_cast<int64_t>(number)) == number;
  if (!is_whole) Refuse(value, name, "a whole number within its range");
  return static_cast<int64_t>(number);
}

int DescriptorFrom(const Napi::Value& value, const char* name) {
  return static_cast<int>(IntegerFrom(value, name, 0, INT32_MAX));
}

os::File FileFrom(const Napi::Value& descriptor) {
  os::File file;
  const os::File::Handle handle = os::File::OfDescriptor(DescriptorFrom(descriptor, "descriptor"));
  if (os::Error error = os::File::Duplicate(handle, &file)) Throw(descriptor.Env(), error);
  return file;
}

bool HasAncestors(const Napi::Value& entries) {
  using protocol::SyncedEntries;
  return EnumFrom(entries, "entries", SyncedEntries::kWithAncestors) == SyncedEntries::kWithAncestors;
}

uint64_t OffsetFrom(const Napi::Value& value, const char* name) {
  if (!value.IsBigInt()) return static_cast<uint64_t>(IntegerFrom(value, name, 0, kMaxSafeInteger));
  bool lossless = false;
  const int64_t offset = value.As<Napi::BigInt>().Int64Value(&lossless);
  if (!lossless || offset < 0) Refuse(value, name, "an offset from 0 to 2^63 - 1");
  return static_cast<uint64_t>(offset);
}

uint64_t BoundFrom(const Napi::Value& value, const char* name) {
  if (NumberFrom(value, name) == protocol::kUnbounded) return UINT64_MAX;
  return static_cast<uint64_t>(IntegerFrom(value, name, 0, kMaxSafeInteger));
}

std::chrono::duration<double, std::milli> MillisecondsFrom(const Napi::Value& value, const char* name) {
  const double milliseconds = NumberFrom(value, name);
  if (!(milliseconds >= 0)) Refuse(value, name, "milliseconds from 0 on");
  return std::chrono::duration<double, std::milli>(std::min(milliseconds, kMaxMilliseconds));
}

std::string_view BytesFrom(const Napi::Value& value, const char* name) {
  if (!value.IsBuffer()) Refuse(value, name, "bytes");
  const auto bytes = value.As<Napi::Buffer<char>>();
  return {bytes.Data(), bytes.Length()};
}

std::string StringFrom(const Napi::Value& value, const char* name) {
  if (!value.IsString()) Refuse(value, name, "a string");
  return value.As<Napi::String>().Utf8Value();
}

Napi::Function FunctionFrom(const Napi::Value& value, const char* name) {
  if (!value.IsFunction()) Refuse(value, name, "a function");
  return value.As<Napi::Function>();
}

Napi::Object ObjectFrom(const Napi::Value& value, const char* name) {
  if (!value.IsObject()) Refuse(value, name, "an object");
  return value.As<Napi::Object>();
}

Napi::Array ArrayFrom(const Napi::Value& value, const char* name) {
  if (!value.IsArray()) Refuse(value, name, "an array");
  return value.As<Napi::Array>();
}

Napi::Object ToObject(Napi::Env env, const os::Error& error) {
  Napi::Object object = Napi::Object::New(env);
  object["errno"] = error.number;
  object["syscall"] = error.syscall;
  object["text"] = std::generic_category().message(error.number);
  if (!error.path.empty()) object["path"] = error.path;
  return object;
}

void Throw(Napi::Env env, const os::Error& error) {
  Napi::Error thrown = Napi::Error::New(env, error.syscall);
  const Napi::Object details = ToObject(env, error);
  for (const char* name : {"errno", "syscall", "text"}) thrown.Set(name, details.Get(name));
  throw thrown;
}

}  // namespace holdfast
