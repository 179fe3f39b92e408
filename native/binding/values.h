// Values on their way between JavaScript and C++: paths, numbers, bytes, functions and errors.
//
// The addon is private, and lib/ has checked what a user gave. But whoever gets hold of it must not be able
// to crash the process or to have anything else done than he says: each of these throws a TypeError that
// names the argument, unless it is of the type, the length and the range that it must have.
#ifndef HOLDFAST_BINDING_VALUES_H_
#define HOLDFAST_BINDING_VALUES_H_

#include <napi.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "os/file.h"

namespace holdfast {

// A string, or a Buffer for a path that is not UTF-8. Without NUL bytes, at which the system would cut it
// off.
std::string PathFrom(const Napi::Value& value);

// A whole number from `min` to `max`, which a double holds exactly.
int64_t IntegerFrom(const Napi::Value& value, const char* name, int64_t min, int64_t max);

// The same as an enumerator; `last` is the last one.
template <typename Enum>
Enum EnumFrom(const Napi::Value& value, const char* name, Enum last) {
  return static_cast<Enum>(IntegerFrom(value, name, 0, static_cast<int64_t>(last)));
}

// The number of an open descriptor.
int DescriptorFrom(const Napi::Value& value, const char* name);

// The file of an open descriptor, by a handle of our own: the caller's may be closed, and its number given to
// another file, while we wait. Throws the error of the system if there is no handle left.
os::File FileFrom(const Napi::Value& descriptor);

// Of protocol::SyncedEntries: whether those of the directories above are among them.
bool HasAncestors(const Napi::Value& entries);

// A number or a BigInt, in bytes.
uint64_t OffsetFrom(const Napi::Value& value, const char* name);

// A whole number; protocol::kUnbounded is UINT64_MAX here.
uint64_t BoundFrom(const Napi::Value& value, const char* name);

// From 0 on. What is longer than this, 31 years, is as long as this, which a clock can hold.
constexpr double kMaxMilliseconds = 1e12;
std::chrono::duration<double, std::milli> MillisecondsFrom(const Napi::Value& value, const char* name);

// Those of a Buffer, until the event loop goes on.
std::string_view BytesFrom(const Napi::Value& value, const char* name);

std::string StringFrom(const Napi::Value& value, const char* name);
Napi::Function FunctionFrom(const Napi::Value& value, const char* name);
Napi::Object ObjectFrom(const Napi::Value& value, const char* name);
Napi::Array ArrayFrom(const Napi::Value& value, const char* name);

// { errno, syscall, text }, as lib/native describes it.
Napi::Object ToObject(Napi::Env env, const os::Error& error);

// Throws a JavaScript Error with the properties of ToObject.
[[noreturn]] void Throw(Napi::Env env, const os::Error& error);

}  // namespace holdfast

#endif  // HOLDFAST_BINDING_VALUES_H_
