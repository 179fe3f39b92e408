#include "binding/writer.h"

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "binding/exports.h"
#include "binding/protocol.h"
#include "binding/values.h"

namespace holdfast {
namespace {

// What is there only sometimes.
Napi::Value Details(Napi::Env env, const append::Reply& reply) {
  const bool nothing = !reply.error && reply.questions.empty() && reply.duplicates.empty() &&
                       reply.conflicts.empty() && reply.status != append::Status::kLockTimeout;
  if (nothing) return env.Undefined();
  Napi::Object details = Napi::Object::New(env);
  details["file"] = ToString(reply.file);
  if (reply.error) details["error"] = ToObject(env, reply.error);
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
  Napi::Array duplicates = Napi::Array::New(env, reply.duplicates.size());
  for (uint32_t i = 0; i < reply.duplicates.size(); i++) {
    const append::Duplicate& duplicate = reply.duplicates[i];
    Napi::Object copy = Napi::Object::New(env);
    copy["line"] = static_cast<double>(duplicate.line);
    copy["offset"] = static_cast<double>(duplicate.offset);
    if (!duplicate.path.empty()) copy["path"] = duplicate.path;
    duplicates[i] = copy;
  }
  details["duplicates"] = duplicates;
  Napi::Array conflicts = Napi::Array::New(env, reply.conflicts.size());
  for (uint32_t i = 0; i < reply.conflicts.size(); i++) {
    conflicts[i] = static_cast<double>(reply.conflicts[i]);
  }
  details["conflicts"] = conflicts;
  return details;
}

}  // namespace

Writer::Writer(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Writer>(info),
      environment_(&Environment::Of(info.Env())),
      self_(std::make_shared<Writer*>(this)) {
  const auto given = info[1].As<Napi::Object>();
  const auto number = [&given](const char* name) { return given.Get(name).As<Napi::Number>(); };
  append::Options options;
  options.path = PathFrom(info[0]);
  options.lock_timeout = std::chrono::milliseconds(number("lockTimeout").Int64Value());
  options.durability = static_cast<os::Durability>(number("durability").Int32Value());
  options.id_key = given.Get("idKey").As<Napi::String>().Utf8Value();
  options.window = static_cast<size_t>(BoundFrom(given.Get("window")));
  options.max_line_bytes = BoundFrom(given.Get("maxLineBytes"));
  options.rotation.max_bytes = BoundFrom(given.Get("rotateBytes"));
  options.rotation.max_age = std::chrono::milliseconds(number("rotateAge").Int64Value());
  options.rotation.keep = static_cast<size_t>(BoundFrom(given.Get("keep")));
  // A property, which the garbage collector sees: a reference would keep this object alive for ever.
  info.This().As<Napi::Object>().Set("settle", info[2]);
  writer_ = std::make_shared<append::BatchWriter>(std::move(options),
                                                  [self = self_, mailbox = environment_->mailbox()] {
                                                    mailbox->Post([self](Napi::Env env) {
                                                      if (*self != nullptr) (*self)->SettleAll(env);
                                                    });
                                                  });
  environment_->Add(this);
}

Writer::~Writer() {
  *self_ = nullptr;
  if (environment_ != nullptr) environment_->Remove(this);
  writer_->Close(false);
}

void Writer::Abandon() {
  environment_ = nullptr;
  writer_->Close(false);
}

Napi::Function Writer::Define(Napi::Env env) {
  return DefineClass(env, "Writer",
                     {
                         InstanceMethod<&Writer::Open>("open"),
                         InstanceMethod<&Writer::Append>("append"),
                         InstanceMethod<&Writer::Answer>("answer"),
                         InstanceMethod<&Writer::SettleNext>("settleNext"),
                         InstanceMethod<&Writer::Close>("close"),
                     });
}

void Writer::Open(const Napi::CallbackInfo& info) {
  Expect(info.Env());
  writer_->Open();
}

// append(buffer, length, lines, conditions): whole lines, which are the first `length` bytes; of each
// condition its first line, its number of lines and the end.
void Writer::Append(const Napi::CallbackInfo& info) {
  append::Batch batch;
  const char* data = info[0].As<Napi::Buffer<char>>().Data();
  batch.data.assign(data, static_cast<size_t>(info[1].As<Napi::Number>().Int64Value()));
  batch.lines = info[2].As<Napi::Number>().Uint32Value();
  if (info[3].IsArray()) {
    const auto numbers = info[3].As<Napi::Array>();
    const auto at = [&numbers](uint32_t i) {
      return static_cast<uint64_t>(numbers.Get(i).As<Napi::Number>().Int64Value());
    };
    for (uint32_t i = 0; i + 2 < numbers.Length(); i += 3) {
      batch.conditions.push_back({static_cast<size_t>(at(i)), static_cast<size_t>(at(i + 1)), at(i + 2)});
    }
  }
  writer_->Append(std::move(batch));
  Expect(info.Env());
}

// answer(duplicates): for each question of the last reply, whether it is a duplicate.
void Writer::Answer(const Napi::CallbackInfo& info) {
  const auto given = info[0].As<Napi::Array>();
  std::vector<bool> duplicates(given.Length());
  for (uint32_t i = 0; i < given.Length(); i++) duplicates[i] = given.Get(i).ToBoolean();
  writer_->Answer(std::move(duplicates));
}

// settleNext(): blocks this thread until there is a reply, and settles it; false if none is to come.
Napi::Value Writer::SettleNext(const Napi::CallbackInfo& info) {
  auto reply = expected_ > 0 ? writer_->Next(true) : std::nullopt;
  if (reply) Settle(info.Env(), *reply);
  return Napi::Boolean::New(info.Env(), reply.has_value());
}

// close(): settled as a batch of its own, with kClosed. Once.
void Writer::Close(const Napi::CallbackInfo& info) {
  Expect(info.Env());
  writer_->Close(true);
}

// While replies are expected, this object and the event loop stay alive.
void Writer::Expect(Napi::Env env) {
  if (expected_++ > 0) return;
  Ref();
  environment_->mailbox()->Expect(env);
}

void Writer::SettleAll(Napi::Env env) {
  while (*self_ != nullptr && environment_ != nullptr) {
    auto reply = writer_->Next(false);
    if (!reply) return;
    Napi::HandleScope scope(env);
    Settle(env, *reply);
  }
}

void Writer::Settle(Napi::Env env, const append::Reply& reply) {
  try {
    CallSettle(env, reply);
  } catch (...) {
    // Out of memory, mostly. The writer must not wait for an answer that does not come.
    if (reply.status == append::Status::kAsk) writer_->Answer({});
    throw;
  }
}

void Writer::CallSettle(Napi::Env env, const append::Reply& reply) {
  const std::shared_ptr<Mailbox> mailbox = environment_->mailbox();
  const Napi::Function settle = Value().Get("settle").As<Napi::Function>();
  const auto number = [env](double value) { return Napi::Number::New(env, value); };
  if (reply.status != append::Status::kAsk) {
    expected_ -= reply.batches;
    if (expected_ == 0) {
      mailbox->Received(env);
      Unref();
    }
  }
  settle.Call({number(static_cast<int>(reply.status)), number(static_cast<double>(reply.batches)),
               number(static_cast<double>(reply.written)), number(static_cast<double>(reply.start)),
               number(static_cast<double>(reply.end)), number(static_cast<double>(reply.waited.count())),
               number(static_cast<double>(reply.synced.count())),
               number(protocol::kHealed * reply.healed + protocol::kRotated * reply.rotated),
               number(static_cast<double>(reply.known_ids)), number(static_cast<double>(reply.known_bytes)),
               Details(env, reply)});
}

void DefineWriter(Napi::Env env, Napi::Object exports) {
  exports.Set("Writer", Writer::Define(env));
}

}  // namespace holdfast
