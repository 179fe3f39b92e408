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
  if (value.IsUndefined()) return conditions;
  const Napi::Array given = ArrayFrom(value, "conditions");
  for (uint32_t i = 0; i < given.Length(); i++) {
    const Napi::Object condition = ObjectFrom(given.Get(i), "conditions");
    const auto number = [&condition](const char* name) {
      return IntegerFrom(condition.Get(name), name, 0, INT64_C(1) << 53);
    };
    conditions.push_back({static_cast<size_t>(number("first")), static_cast<size_t>(number("count")),
                          static_cast<uint64_t>(number("end"))});
  }
  return conditions;
}

// { lock, token }, or undefined.
append::Fence FenceFrom(const Napi::Value& value) {
  if (value.IsUndefined()) return {};
  const Napi::Object fence = ObjectFrom(value, "fence");
  return {static_cast<uint64_t>(IntegerFrom(fence.Get("token"), "token", 1, INT64_C(1) << 53)),
          PathFrom(fence.Get("lock"))};
}

}  // namespace

Writer::Writer(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Writer>(info),
      environment_(&Environment::Of(info.Env())),
      self_(std::make_shared<Writer*>(this)),
      reply_(info.Env()) {
  const Napi::Object given = ObjectFrom(info[1], "options");
  const Napi::Function settle = FunctionFrom(info[2], "settle");
  const auto milliseconds = [](const Napi::Object& object, const char* name) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(MillisecondsFrom(object.Get(name), name));
  };
  append::Options options;
  options.path = PathFrom(info[0]);
  options.owner = environment_->owner();
  options.lock_timeout = milliseconds(given, "lockTimeout");
  options.durability = EnumFrom(given.Get("durability"), "durability", os::Durability::kFull);
  options.id_key = StringFrom(given.Get("idKey"), "idKey");
  options.window = static_cast<size_t>(BoundFrom(given.Get("window"), "window"));
  options.max_line_bytes = BoundFrom(given.Get("maxLineBytes"), "maxLineBytes");
  const Napi::Object rotation = ObjectFrom(given.Get("rotation"), "rotation");
  options.rotation.max_bytes = BoundFrom(rotation.Get("maxBytes"), "maxBytes");
  options.rotation.max_age = milliseconds(rotation, "maxAge");
  options.rotation.keep = static_cast<size_t>(BoundFrom(rotation.Get("keep"), "keep"));
  // A property, which the garbage collector sees: a reference would keep this object alive for ever.
  info.This().As<Napi::Object>().Set("settle", settle);
  options.chain = EnumFrom(given.Get("chain"), "chain", chain::Mode::kRestart);
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
                         InstanceMethod<&Writer::AppendOnThisThread>("appendOnThisThread"),
                         InstanceMethod<&Writer::Answer>("answer"),
                         InstanceMethod<&Writer::SettleNext>("settleNext"),
                         InstanceMethod<&Writer::Close>("close"),
                     });
}

// It is a mistake of the caller to call anything but in its order: it would wait for ever.
void Writer::Require(bool holds, const Napi::CallbackInfo& info, const char* problem) const {
  if (!holds || environment_ == nullptr) throw Napi::TypeError::New(info.Env(), problem);
}

void Writer::Open(const Napi::CallbackInfo& info) {
  Require(!is_opened_ && !is_closed_, info, "open: was called already, or the writer is closed");
  is_opened_ = true;
  Expect(info.Env());
  writer_->Open();
}

// append(buffer, length, lines, demands): whole lines, which are the first `length` bytes, how many, and what
// they ask for, if anything: { conditions, fence }. Four arguments, because getting a property costs as much
// as half the rest.
void Writer::Append(const Napi::CallbackInfo& info) {
  writer_->Append(BatchFrom(info));
  Expect(info.Env());
}

// appendOnThisThread(buffer, length, lines, demands): as append, on this thread if that can be; then the
// reply is returned. Undefined: it comes as after append.
Napi::Value Writer::AppendOnThisThread(const Napi::CallbackInfo& info) {
  const std::optional<append::Reply> reply = writer_->AppendOnThisThread(BatchFrom(info));
  if (reply) return reply_.Fill(info.Env(), *reply);
  Expect(info.Env());
  return info.Env().Undefined();
}

append::Batch Writer::BatchFrom(const Napi::CallbackInfo& info) const {
  Require(!is_closed_, info, "append: the writer is closed");
  const std::string_view buffer = BytesFrom(info[0], "buffer");
  const auto most = static_cast<int64_t>(buffer.size());
  append::Batch batch;
  batch.data = buffer.substr(0, static_cast<size_t>(IntegerFrom(info[1], "length", 1, most)));
  if (batch.data.back() != '\n') throw Napi::TypeError::New(info.Env(), "length: expected the end of a line");
  batch.lines = static_cast<size_t>(IntegerFrom(info[2], "lines", 1, UINT32_MAX));
  if (!info[3].IsUndefined()) {
    const Napi::Object demands = ObjectFrom(info[3], "demands");
    batch.conditions = ConditionsFrom(demands.Get("conditions"));
    batch.fence = FenceFrom(demands.Get("fence"));
  }
  return batch;
}

// answer(duplicates): for each question of the last reply, whether it is a duplicate.
void Writer::Answer(const Napi::CallbackInfo& info) {
  Require(is_asked_, info, "answer: nothing was asked");
  const Napi::Array given = ArrayFrom(info[0], "duplicates");
  std::vector<bool> duplicates(given.Length());
  for (uint32_t i = 0; i < given.Length(); i++) duplicates[i] = given.Get(i).ToBoolean();
  is_asked_ = false;
  writer_->Answer(std::move(duplicates));
}

// settleNext(lockWait): blocks this thread until there is a reply, and settles it; false if none is to come.
// From then on the writer waits for the lock no longer than so many milliseconds more, if that is not
// undefined.
Napi::Value Writer::SettleNext(const Napi::CallbackInfo& info) {
  Require(!is_asked_, info, "settleNext: what was asked is to be answered first");
  std::optional<append::Reply> reply;
  if (expected_ > 0) {
    if (!info[0].IsUndefined()) {
      const std::chrono::milliseconds left(IntegerFrom(info[0], "lockWait", 0, INT32_MAX));
      writer_->LimitLockWaits(os::Clock::now() + left);
    }
    const lock::Blocking blocking(environment_->owner(), environment_->HeldLocks());
    reply = writer_->WaitForReply();
  }
  if (reply) Settle(info.Env(), *reply);
  return Napi::Boolean::New(info.Env(), reply.has_value());
}

// close(): settled as a batch of its own, with kClosed. Once.
void Writer::Close(const Napi::CallbackInfo& info) {
  Require(!is_closed_, info, "close: was called already");
  is_closed_ = true;
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
    if (std::exchange(is_asked_, false)) writer_->Answer({});
    throw;
  }
}

void Writer::CallSettle(Napi::Env env, const append::Reply& reply) {
  const std::shared_ptr<Mailbox> mailbox = environment_->mailbox();
  const Napi::Function settle = Value().Get("settle").As<Napi::Function>();
  is_asked_ = reply.status == append::Status::kAsk;
  if (!is_asked_) {
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
