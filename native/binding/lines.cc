// Lines for JavaScript's parser.
#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/values.h"

namespace holdfast {
namespace {

// lineArray(lines, separator, maxLineBytes, ends): see read::LineArray; undefined if that gives nothing.
Napi::Value LineArray(const Napi::CallbackInfo& info) {
  const std::string_view lines = BytesFrom(info[0], "lines");
  const std::string separator = StringFrom(info[1], "separator");
  const uint64_t max_line_bytes = BoundFrom(info[2], "maxLineBytes");
  if (lines.size() > UINT32_MAX) throw Napi::TypeError::New(info.Env(), "lines: expected less than 4 GiB");
  if (!info[3].IsTypedArray() || info[3].As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array) {
    throw Napi::TypeError::New(info.Env(), "ends: expected a Uint32Array");
  }
  auto ends = info[3].As<Napi::Uint32Array>();
  const std::string_view text =
      Environment::Of(info.Env())
          .line_array()
          .Make(lines, separator, max_line_bytes, ends.Data(), ends.ElementLength());
  if (text.empty()) return info.Env().Undefined();
  napi_value array = nullptr;
  // As Latin-1, which copies bytes, and all of it is ASCII.
  const napi_status status = napi_create_string_latin1(info.Env(), text.data(), text.size(), &array);
  NAPI_THROW_IF_FAILED(info.Env(), status, Napi::Value());
  return Napi::Value(info.Env(), array);
}

}  // namespace

void DefineLines(Napi::Env env, Napi::Object exports) {
  Define<LineArray>(env, exports, "lineArray");
}

}  // namespace holdfast
