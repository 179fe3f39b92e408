#include "binding/protocol.h"

#include <napi.h>

#include <initializer_list>

#include "append/judge.h"
#include "append/reply.h"
#include "binding/exports.h"
#include "files/replacement.h"
#include "lock/fence.h"
#include "lock/mechanism.h"
#include "os/file.h"

namespace holdfast {
namespace {

struct Entry {
  template <typename Number>
  constexpr Entry(const char* name, Number number) : name(name), number(static_cast<double>(number)) {}
  const char* name;
  double number;
};

Napi::Object Table(Napi::Env env, std::initializer_list<Entry> entries) {
  Napi::Object table = Napi::Object::New(env);
  for (const Entry& entry : entries) table[entry.name] = entry.number;
  return table;
}

}  // namespace

void DefineProtocol(Napi::Env env, Napi::Object exports) {
  using namespace protocol;
  Napi::Object tables = Napi::Object::New(env);
  tables["noLock"] = Table(env, {{"busy", NoLock::kBusy}, {"mightBlock", NoLock::kMightBlock}});
  tables["lockFlag"] = Table(env, {{"exclusive", kExclusive},
                                   {"create", kCreate},
                                   {"fcntl", kFcntl},
                                   {"barge", kBarge},
                                   {"blocks", kBlocks},
                                   {"permissions", kPermissions},
                                   {"lockFile", kLockFile}});
  tables["permissionBits"] = kPermissionBits;
  tables["lockMode"] = Table(env, {{"shared", lock::Mode::kShared}, {"exclusive", lock::Mode::kExclusive}});
  tables["fileAtUnlock"] = Table(env, {{"keep", FileAtUnlock::kKeep}, {"remove", FileAtUnlock::kRemove}});
  tables["durabilityLevel"] = Table(
      env,
      {{"none", os::Durability::kNone}, {"data", os::Durability::kData}, {"full", os::Durability::kFull}});
  tables["syncedEntries"] =
      Table(env, {{"own", SyncedEntries::kOwn}, {"withAncestors", SyncedEntries::kWithAncestors}});
  using files::Replacement;
  tables["replacedFile"] = Table(env, {{"named", Replacement::Old::kNamed},
                                       {"given", Replacement::Old::kGiven},
                                       {"rightsAlone", Replacement::Old::kRightsAlone}});
  tables["replacementOutcome"] = Table(env, {{"failed", Replacement::Outcome::kFailed},
                                             {"changed", Replacement::Outcome::kChanged},
                                             {"replaced", Replacement::Outcome::kReplaced}});
  tables["writerStatus"] = Table(env, {{"ask", append::Status::kAsk},
                                       {"committed", append::Status::kCommitted},
                                       {"lockTimeout", append::Status::kLockTimeout},
                                       {"failed", append::Status::kFailed},
                                       {"unknown", append::Status::kUnknown},
                                       {"poisoned", append::Status::kPoisoned},
                                       {"closed", append::Status::kClosed},
                                       {"refused", append::Status::kRefused},
                                       {"fenced", append::Status::kFenced}});
  tables["chainMode"] =
      Table(env, {{"off", chain::Mode::kOff}, {"on", chain::Mode::kOn}, {"restart", chain::Mode::kRestart}});
  tables["refusal"] = Table(env, {{"none", chain::Refusal::kNone},
                                  {"isChained", chain::Refusal::kIsChained},
                                  {"isNotChained", chain::Refusal::kIsNotChained},
                                  {"isBroken", chain::Refusal::kIsBroken},
                                  {"otherIdKey", chain::Refusal::kOtherIdKey}});
  tables["problemKind"] = Table(env, {{"rotation", files::Problem::Kind::kRotation},
                                      {"removal", files::Problem::Kind::kRemoval},
                                      {"foreign", files::Problem::Kind::kForeign}});
  tables["lineFate"] = Table(env, {{"written", append::Fate::kWritten},
                                   {"duplicateInGroup", append::Fate::kDuplicateInGroup},
                                   {"duplicateInFile", append::Fate::kDuplicateInFile},
                                   {"conflict", append::Fate::kConflict}});
  tables["replyFigure"] = Table(env, {{"status", kStatus},
                                      {"batches", kBatches},
                                      {"lines", kLines},
                                      {"written", kWritten},
                                      {"duplicates", kDuplicates},
                                      {"bytes", kBytes},
                                      {"end", kEnd},
                                      {"healed", kHealed},
                                      {"rotated", kRotated},
                                      {"knownIds", kKnownIds},
                                      {"knownBytes", kKnownBytes},
                                      {"waitedNs", kWaitedNs},
                                      {"syncedNs", kSyncedNs},
                                      {"refusal", kRefusal}});
  tables["fenceSuffix"] = lock::kFenceSuffix;
  tables["unbounded"] = kUnbounded;
  exports["protocol"] = tables;
}

}  // namespace holdfast
