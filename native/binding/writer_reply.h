// A reply of the batch writer on its way to JavaScript: one object, which is filled anew for each reply, so
// that a commit costs no object, no array and no string here. lib/native/protocol.ts unpacks it.
#ifndef HOLDFAST_BINDING_WRITER_REPLY_H_
#define HOLDFAST_BINDING_WRITER_REPLY_H_

#include <napi.h>

#include <cstddef>
#include <cstdint>

#include "append/reply.h"

namespace holdfast {

class WriterReply {
 public:
  explicit WriterReply(Napi::Env env);

  // The object, as RawReply of lib/native/protocol.ts describes it. Holds until the next call.
  Napi::Object Fill(Napi::Env env, const append::Reply& reply);

 private:
  void MakeRoom(Napi::Env env, size_t lines);

  Napi::ObjectReference object_;
  // The memory of its arrays, which stay where they are as long as the object has them.
  double* figures_ = nullptr;
  double* offsets_ = nullptr;
  double* nexts_ = nullptr;
  uint8_t* fates_ = nullptr;
  size_t room_ = 0;  // of those with an element for each line
  bool has_details_ = false;
};

}  // namespace holdfast

#endif  // HOLDFAST_BINDING_WRITER_REPLY_H_
