// The batch writer of one open chronicle, as an object of JavaScript.
#ifndef HOLDFAST_BINDING_WRITER_H_
#define HOLDFAST_BINDING_WRITER_H_

#include <napi.h>

#include <cstddef>
#include <memory>

#include "append/batch_writer.h"
#include "binding/environment.h"
#include "binding/writer_reply.h"

namespace holdfast {

// new Writer(path, options, settle): `settle` gets each reply, as writer_reply.h describes it.
class Writer : public Napi::ObjectWrap<Writer> {
 public:
  explicit Writer(const Napi::CallbackInfo& info);
  ~Writer() override;

  static Napi::Function Define(Napi::Env env);

  // The environment ends before this object does.
  void Abandon();

 private:
  void Open(const Napi::CallbackInfo& info);
  void Append(const Napi::CallbackInfo& info);
  Napi::Value AppendOnThisThread(const Napi::CallbackInfo& info);
  void Answer(const Napi::CallbackInfo& info);
  Napi::Value SettleNext(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  append::Batch BatchFrom(const Napi::CallbackInfo& info) const;
  void Require(bool holds, const Napi::CallbackInfo& info, const char* problem) const;
  void Expect(Napi::Env env);
  void SettleAll(Napi::Env env);
  void Settle(Napi::Env env, const append::Reply& reply);
  void CallSettle(Napi::Env env, const append::Reply& reply);

  Environment* environment_;
  const std::shared_ptr<Writer*> self_;  // null when this object is gone
  std::shared_ptr<append::WriterThread> writer_;
  WriterReply reply_;
  size_t expected_ = 0;
  bool is_opened_ = false;
  bool is_closed_ = false;
  bool is_asked_ = false;  // and has not answered
};

}  // namespace holdfast

#endif  // HOLDFAST_BINDING_WRITER_H_
