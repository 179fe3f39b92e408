// Values on their way between JavaScript and C++: paths, offsets, bounds and errors.
#ifndef HOLDFAST_BINDING_VALUES_H_
#define HOLDFAST_BINDING_VALUES_H_

#include <napi.h>

#include <cstdint>
#include <string>

#include "os/file.h"

namespace holdfast {

// A string, or a Buffer for a path that is not UTF-8.
std::string PathFrom(const Napi::Value& value);

// A number or a BigInt, in bytes.
uint64_t OffsetFrom(const Napi::Value& value);

// protocol::kUnbounded is UINT64_MAX here.
uint64_t BoundFrom(const Napi::Value& value);

// { errno, syscall, text }, as lib/native describes it.
Napi::Object ToObject(Napi::Env env, const os::Error& error);

// Throws a JavaScript Error with the properties of ToObject.
[[noreturn]] void Throw(Napi::Env env, const os::Error& error);

}  // namespace holdfast

#endif  // HOLDFAST_BINDING_VALUES_H_
