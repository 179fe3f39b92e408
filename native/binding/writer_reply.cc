#include "binding/writer_reply.h"

#include <algorithm>

#include "binding/protocol.h"
#include "binding/values.h"

namespace holdfast {
namespace {

// The arrays have room for at least this many lines; and they do not stay larger than for that many.
constexpr size_t kMinRoom = 64;
constexpr size_t kMaxKeptRoom = 16 * 1024;

// What is there only sometimes; undefined if there is nothing.
Napi::Value Details(Napi::Env env, const append::Reply& reply) {
  if (!reply.error && reply.questions.empty() && reply.rotated_paths.empty() && reply.problems.empty()) {
    return env.Undefined();
  }
  Napi::Object details = Napi::Object::New(env);
  if (reply.error) details["error"] = ToObject(env, reply.error);
  if (!reply.questions.empty()) {
    Napi::Array questions = Napi::Array::New(env, reply.questions.size());
    for (uint32_t i = 0; i < reply.questions.size(); i++) {
      const append::Question& question = reply.questions[i];
      Napi::Object asked = Napi::Object::New(env);
      asked["line"] = static_cast<double>(question.line);
      asked["offset"] = static_cast<double>(question.offset);
      asked["text"] = Napi::Buffer<char>::Copy(env, question.text.data(), question.text.size());
      questions[i] = asked;
    }
    details["questions"] = questions;
  }
  if (!reply.rotated_paths.empty()) {
    Napi::Object paths = Napi::Object::New(env);
    for (const append::RotatedPath& rotated : reply.rotated_paths) {
      paths.Set(static_cast<uint32_t>(rotated.line), rotated.path);
    }
    details["rotatedPaths"] = paths;
  }
  if (!reply.problems.empty()) {
    Napi::Array problems = Napi::Array::New(env, reply.problems.size());
    for (uint32_t i = 0; i < reply.problems.size(); i++) {
      const files::Problem& problem = reply.problems[i];
      Napi::Object told = Napi::Object::New(env);
      told["kind"] = static_cast<double>(problem.kind);
      told["error"] = ToObject(env, problem.error);
      told["count"] = static_cast<double>(problem.count);
      problems[i] = told;
    }
    details["problems"] = problems;
  }
  return details;
}

}  // namespace

WriterReply::WriterReply(Napi::Env env) {
  Napi::Object object = Napi::Object::New(env);
  auto figures = Napi::Float64Array::New(env, protocol::kFigures);
  figures_ = figures.Data();
  object["figures"] = figures;
  object["details"] = env.Undefined();
  object_ = Napi::Persistent(object);
  MakeRoom(env, 0);
}

Napi::Object WriterReply::Fill(Napi::Env env, const append::Reply& reply) {
  const Napi::Object object = object_.Value();
  const Napi::Value details = Details(env, reply);
  // Else it is undefined, and was before.
  if (has_details_ || !details.IsUndefined()) object.Set("details", details);
  has_details_ = !details.IsUndefined();

  const std::vector<append::LineVerdict>& lines = reply.lines;
  const bool fits = lines.size() <= room_ && (room_ <= kMaxKeptRoom || lines.size() > kMaxKeptRoom);
  if (!fits) MakeRoom(env, lines.size());
  for (size_t i = 0; i < lines.size(); i++) {
    offsets_[i] = static_cast<double>(lines[i].offset);
    nexts_[i] = static_cast<double>(lines[i].offset + lines[i].length);
  }
  if (reply.written < lines.size()) {
    for (size_t i = 0; i < lines.size(); i++) fates_[i] = static_cast<uint8_t>(lines[i].fate);
  }

  using namespace protocol;
  const auto set = [this](Figure figure, auto value) { figures_[figure] = static_cast<double>(value); };
  set(kStatus, reply.status);
  set(kBatches, reply.batches);
  set(kLines, lines.size());
  set(kWritten, reply.written);
  set(kDuplicates, reply.duplicates);
  set(kBytes, reply.end - reply.start);
  set(kEnd, reply.end);
  set(kHealed, reply.healed);
  set(kRotated, reply.rotated);
  set(kKnownIds, reply.known_ids);
  set(kKnownBytes, reply.known_bytes);
  set(kWaitedNs, reply.waited.count());
  set(kSyncedNs, reply.synced.count());
  set(kRefusal, reply.refusal);
  return object;
}

void WriterReply::MakeRoom(Napi::Env env, size_t lines) {
  room_ = 0;  // if the arrays cannot be made
  const size_t room = std::max({kMinRoom, lines, std::min(2 * lines, kMaxKeptRoom)});
  auto offsets = Napi::Float64Array::New(env, room);
  auto nexts = Napi::Float64Array::New(env, room);
  auto fates = Napi::Uint8Array::New(env, room);
  Napi::Object object = object_.Value();
  object["offsets"] = offsets;
  object["nexts"] = nexts;
  object["fates"] = fates;
  offsets_ = offsets.Data();
  nexts_ = nexts.Data();
  fates_ = fates.Data();
  room_ = room;
}

}  // namespace holdfast
