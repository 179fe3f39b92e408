// Replacing a file whole, for JavaScript: see files/replacement.h. A replacement has a number, and is there
// until it has its place, or is discarded, or its thread ends.
#include "files/replacement.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/protocol.h"
#include "binding/values.h"

namespace holdfast {
namespace {

using files::Replacement;
using protocol::ReplacementId;

ReplacementId IdFrom(const Napi::Value& value) {
  return static_cast<ReplacementId>(IntegerFrom(value, "replacement", 1, UINT32_MAX));
}

std::shared_ptr<Replacement> ReplacementFrom(const Napi::Value& value) {
  std::shared_ptr<Replacement> found = Environment::Of(value.Env()).FindReplacement(IdFrom(value));
  if (!found) throw Napi::TypeError::New(value.Env(), "replacement: there is none of this number");
  return found;
}

bool BooleanFrom(const Napi::Value& value, const char* name) {
  return IntegerFrom(value, name, 0, 1) == 1;
}

// beginReplacement(path, old, descriptor, permissions, search, done): its number. `descriptor` is that of the
// old file, or undefined where it is what the path names. done({ isNew, names }), or the error; then it is
// gone.
Napi::Value BeginReplacement(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto replacement = std::make_shared<Replacement>(PathFrom(info[0]));
  const auto plan = std::make_shared<Replacement::Plan>();
  plan->kind = EnumFrom(info[1], "old", Replacement::Old::kRightsAlone);
  if (plan->kind != Replacement::Old::kNamed) plan->old = FileFrom(info[2]);
  plan->permissions = static_cast<unsigned>(IntegerFrom(info[3], "permissions", 0, 07777));
  plan->search = BooleanFrom(info[4], "search");
  Environment& environment = Environment::Of(env);
  const ReplacementId id = environment.Keep(replacement);
  const auto job = [replacement, plan, id]() -> Environment::Answer {
    Replacement::Begun begun;
    const os::Error error = replacement->Begin(std::move(*plan), &begun);
    return [error, begun, id](Napi::Env env) -> Napi::Value {
      if (error) {
        Environment::Of(env).ForgetReplacement(id);
        return ToObject(env, error);
      }
      Napi::Object answer = Napi::Object::New(env);
      answer["isNew"] = begun.is_new;
      answer["names"] = static_cast<double>(begun.names);
      return answer;
    };
  };
  try {
    environment.RunOnHelper(env, info[5], std::function<Environment::Answer()>(job));
  } catch (const Napi::Error&) {
    environment.ForgetReplacement(id);
    throw;
  }
  return Napi::Number::New(env, id);
}

// writeReplacement(replacement, bytes, done): at its end. The bytes may be changed once this has returned.
void WriteReplacement(const Napi::CallbackInfo& info) {
  const std::shared_ptr<Replacement> replacement = ReplacementFrom(info[0]);
  const auto bytes = std::make_shared<const std::string>(BytesFrom(info[1], "bytes"));
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[2], [replacement, bytes] {
    return replacement->Write(*bytes);
  });
}

// syncReplacement(replacement, durability, done): makes durable what was written.
void SyncReplacement(const Napi::CallbackInfo& info) {
  const std::shared_ptr<Replacement> replacement = ReplacementFrom(info[0]);
  const auto durability = EnumFrom(info[1], "durability", os::Durability::kFull);
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[2], [replacement, durability] {
    return replacement->Sync(durability);
  });
}

// finishReplacement(replacement, entries, insist, done): gives it its place. Directory entries are made
// durable unless `entries` is undefined. done({ outcome }), with the properties of an error if there is one.
// If it has its place, its number is gone.
void FinishReplacement(const Napi::CallbackInfo& info) {
  const ReplacementId id = IdFrom(info[0]);
  const std::shared_ptr<Replacement> replacement = ReplacementFrom(info[0]);
  std::optional<bool> ancestors;
  if (!info[1].IsUndefined()) ancestors = HasAncestors(info[1]);
  const bool insist = BooleanFrom(info[2], "insist");
  const auto job = [replacement, id, ancestors, insist]() -> Environment::Answer {
    auto outcome = Replacement::Outcome::kFailed;
    const os::Error error = replacement->Finish(ancestors, insist, &outcome);
    return [error, outcome, id](Napi::Env env) -> Napi::Value {
      if (outcome == Replacement::Outcome::kReplaced) Environment::Of(env).ForgetReplacement(id);
      Napi::Object answer = error ? ToObject(env, error) : Napi::Object::New(env);
      answer["outcome"] = static_cast<double>(outcome);
      return answer;
    };
  };
  Environment::Of(info.Env()).RunOnHelper(info.Env(), info[3], std::function<Environment::Answer()>(job));
}

// discardReplacement(replacement, done): removes it, and its number is gone.
void DiscardReplacement(const Napi::CallbackInfo& info) {
  const std::shared_ptr<Replacement> replacement = ReplacementFrom(info[0]);
  Environment& environment = Environment::Of(info.Env());
  environment.RunOnHelper(info.Env(), info[1], [replacement] {
    replacement->Discard();
    return os::Error{};
  });
  environment.ForgetReplacement(IdFrom(info[0]));
}

// removeTemporaries(): at the exit of the thread, those of all its replacements.
void RemoveTemporaries(const Napi::CallbackInfo& info) {
  Environment::Of(info.Env()).AbandonReplacements();
}

}  // namespace

void DefineReplacements(Napi::Env env, Napi::Object exports) {
  Define<BeginReplacement>(env, exports, "beginReplacement");
  Define<WriteReplacement>(env, exports, "writeReplacement");
  Define<SyncReplacement>(env, exports, "syncReplacement");
  Define<FinishReplacement>(env, exports, "finishReplacement");
  Define<DiscardReplacement>(env, exports, "discardReplacement");
  Define<RemoveTemporaries>(env, exports, "removeTemporaries");
}

}  // namespace holdfast
