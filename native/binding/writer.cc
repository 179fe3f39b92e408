#include "binding/writer.h"

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "binding/exports.h"
#include "binding/values.h"

namespace holdfast {
namespace {

// An array of { first, count, end }, or undefined.
std::vector<append::Condition> ConditionsFrom(const Napi::Value& value) {
  std::vector<append::Condition> conditions;
  if (!value.IsArray()) return conditions;
  const auto given = value.As<Napi::Array>();
  for (uint32_t i = 0; i < given.Length(); i++) {
    const auto condition = given.Get(i).As<Napi::Object>();
    const auto number = [&condition](const char* name) {
      return condition.Get(name).As<Napi::Number>().Int64Value();
    };
    conditions.push_back({static_cast<size_t>(number("first")), static_cast<size_t>(number("count")),
                          static_cast<uint64_t>(number("end"))});
  }
  return conditions;
}

}  // namespace

Writer::Writer(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Writer>(info),
      environment_(&Environment::Of(info.Env())),
      self_(std::make_shared<Writer*>(this)),
      reply_(info.Env()) {
  const auto given = info[1].As<Napi::Object>();
  const auto number = [&given](const char* name) { return given.Get(name).As<Napi::Number>(); };
  append::Options options;
  options.path = PathFrom(info[0]);
  options.owner = environment_->owner();
  options.lock_timeout = std::chrono::milliseconds(number("lockTimeout").Int64Value());
  options.durability = static_cast<os::Durability>(number("durability").Int32Value());
  options.id_key = given.Get("idKey").As<Napi::String>().Utf8Value();
  options.window = static_cast<size_t>(BoundFrom(given.Get("window")));
  options.max_line_bytes = BoundFrom(given.Get("maxLineBytes"));
  const auto rotation = given.Get("rotation").As<Napi::Object>();
  options.rotation.max_bytes = BoundFrom(rotation.Get("maxBytes"));
  options.rotation.max_age =
      std::chrono::milliseconds(rotation.Get("maxAge").As<Napi::Number>().Int64Value());
  options.rotation.keep = static_cast<size_t>(BoundFrom(rotation.Get("keep")));
  // A property, which the garbage collector sees: a reference would keep this object alive for ever.
  info.This().As<Napi::Object>().Set("settle", info[2]);
  options.chain = static_cast<chain::Mode>(number("chain").Int32Value());
  writer_ = append::MakeWriter(std::move(options), [self = self_, mailbox = environment_->mailbox()] {
    mailbox->Post([self](Napi::Env env) {
      if (*self != nullptr) (*self)->SettleAll(env);
    });
  });
  environment_->Add(this);
}

Writer::~Writer() {
  *self_ = nullptr;
  if (environment_ != nullptr) environment_->Remove(this);
  writer_->Abandon();
}

void Writer::Abandon() {
  environment_ = nullptr;
  writer_->Abandon();
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

// append(buffer, length, lines, conditions): whole lines, which are the first `length` bytes, how many, and
// the conditions of some of them. Four arguments, because getting a property costs as much as half the rest.
void Writer::Append(const Napi::CallbackInfo& info) {
  append::Batch batch;
  batch.data.assign(info[0].As<Napi::Buffer<char>>().Data(),
                    static_cast<size_t>(info[1].As<Napi::Number>().Int64Value()));
  batch.lines = info[2].As<Napi::Number>().Uint32Value();
  batch.conditions = ConditionsFrom(info[3]);
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
  std::optional<append::Reply> reply;
  if (expected_ > 0) {
    const lock::Blocking blocking(environment_->owner(), environment_->HeldLocks());
    reply = writer_->WaitForReply();
  }
  if (reply) Settle(info.Env(), *reply);
  return Napi::Boolean::New(info.Env(), reply.has_value());
}

// close(): settled as a batch of its own, with kClosed. Once.
void Writer::Close(const Napi::CallbackInfo& info) {
  Expect(info.Env());
  writer_->Close();
}

// While replies are expected, this object and the event loop stay alive.
void Writer::Expect(Napi::Env env) {
  if (expected_++ > 0) return;
  Ref();
  environment_->mailbox()->Expect(env);
}

void Writer::SettleAll(Napi::Env env) {
  while (*self_ != nullptr && environment_ != nullptr) {
    auto reply = writer_->TakeReply();
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
  if (reply.status != append::Status::kAsk) {
    expected_ -= reply.batches;
    if (expected_ == 0) {
      mailbox->Received(env);
      Unref();
    }
  }
  settle.Call({reply_.Fill(env, reply)});
}

void DefineWriter(Napi::Env env, Napi::Object exports) {
  exports.Set("Writer", Writer::Define(env));
}

}  // namespace holdfast
