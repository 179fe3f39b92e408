// The Node-API surface: argument checks, promises' callbacks, per-environment state. Nothing else includes
// napi.h.
//
// Every environment (the main thread, each worker thread) has an Addon of its own. It owns the locks that
// were taken in it, the waits that are pending in it and the chronicles that are open in it, and ends them
// all when the environment ends: normally, by process.exit() or by worker.terminate().
#include <napi.h>

#include <chrono>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "append/batch_writer.h"
#include "lock/wait_queue.h"
#include "os/clock.h"
#include "os/library.h"
#include "os/thread_pool.h"
#include "read/line_array.h"

namespace holdfast {
namespace {

std::string PathFrom(const Napi::Value& value) {
  // Nearly every path fits: one call in place of two, for its length and for its bytes.
  char bytes[512];
  size_t length = 0;
  const napi_status status = napi_get_value_string_utf8(value.Env(), value, bytes, sizeof bytes, &length);
  // What does not fit is cut before a character, of at most four bytes.
  if (status == napi_ok && length < sizeof bytes - 4) return std::string(bytes, length);
  if (value.IsString()) return value.As<Napi::String>().Utf8Value();
  if (value.IsBuffer()) {
    const auto bytes = value.As<Napi::Buffer<char>>();
    return std::string(bytes.Data(), bytes.Length());
  }
  throw Napi::TypeError::New(value.Env(), "path: expected a string or a Buffer");
}

uint64_t OffsetFrom(const Napi::Value& value) {
  if (!value.IsBigInt()) return static_cast<uint64_t>(value.As<Napi::Number>().Int64Value());
  bool lossless = false;
  return value.As<Napi::BigInt>().Uint64Value(&lossless);
}

Napi::Object ToObject(Napi::Env env, const os::Error& error) {
  Napi::Object object = Napi::Object::New(env);
  object["errno"] = error.number;
  object["syscall"] = error.syscall;
  object["text"] = std::generic_category().message(error.number);
  return object;
}

[[noreturn]] void Throw(Napi::Env env, const os::Error& error) {
  Napi::Error thrown = Napi::Error::New(env, error.syscall);
  const Napi::Object details = ToObject(env, error);
  for (const char* name : {"errno", "syscall", "text"}) thrown.Set(name, details.Get(name));
  throw thrown;
}

std::string ToString(const os::FileId& id) {
  return std::to_string(id.device) + ":" + std::to_string(id.inode);
}

// Carries work from helper threads to the thread of one environment. Tasks posted after the environment has
// ended are dropped, and what they own is freed where they were posted.
class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  using Task = std::function<void(Napi::Env)>;

  void Open(Napi::Env env) {
    function_ = Function::New(env, "holdfast", 0, 1, this);
    function_.Unref(env);
  }

  // While an answer is expected, the event loop stays alive.
  void Expect(Napi::Env env) {
    if (expected_++ == 0) function_.Ref(env);
  }
  void Received(Napi::Env env) {
    if (--expected_ == 0) function_.Unref(env);
  }

  void Post(Task task) {
    std::lock_guard guard(mutex_);
    if (!open_) return;
    tasks_.push_back(std::move(task));
    if (tasks_.size() == 1) function_.NonBlockingCall();
  }

  void Close() {
    std::vector<Task> dropped;
    std::lock_guard guard(mutex_);
    open_ = false;
    dropped.swap(tasks_);
  }

 private:
  static void Deliver(Napi::Env env, Napi::Function, Mailbox* mailbox, void*) {
    if (env == nullptr) return;
    // The environment may end in one of the tasks (process.exit), and the Addon's reference with it.
    const std::shared_ptr<Mailbox> self = mailbox->shared_from_this();
    std::vector<Task> tasks;
    {
      std::lock_guard guard(self->mutex_);
      tasks.swap(self->tasks_);
    }
    for (Task& task : tasks) {
      Napi::HandleScope scope(env);
      try {
        task(env);
      } catch (const Napi::Error& error) {
        // Where the environment ends meanwhile (worker.terminate), there is nobody to throw at: binding.gyp
        // defines NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS for that.
        napi_fatal_exception(env, error.Value());
      } catch (const std::exception& error) {
        // Out of memory. Whoever waits for this answer would wait for ever.
        napi_fatal_exception(env, Napi::Error::New(env, error.what()).Value());
      }
    }
  }

  using Function = Napi::TypedThreadSafeFunction<Mailbox, void, Deliver>;

  Function function_;
  std::mutex mutex_;
  std::vector<Task> tasks_;
  bool open_ = true;
  int expected_ = 0;
};

class Writer;

class Addon : public Napi::Addon<Addon> {
 public:
  Addon(Napi::Env env, Napi::Object exports) : mailbox_(std::make_shared<Mailbox>()) {
    os::KeepLibraryLoaded();
    mailbox_->Open(env);
    // Added after the mailbox's own hook and so run before it.
    env.AddCleanupHook([this] { End(); });
    DefineAddon(exports, {
                             InstanceMethod<&Addon::TryLockHere>("tryLockHere"),
                             InstanceMethod<&Addon::TryLock>("tryLock"),
                             InstanceMethod<&Addon::WaitLock>("waitLock"),
                             InstanceMethod<&Addon::WaitLockSync>("waitLockSync"),
                             InstanceMethod<&Addon::Cancel>("cancel"),
                             InstanceMethod<&Addon::Convert>("convert"),
                             InstanceMethod<&Addon::IsFcntl>("isFcntl"),
                             InstanceMethod<&Addon::IsKnownLocal>("isKnownLocal"),
                             InstanceMethod<&Addon::UnlockElsewhere>("unlockElsewhere"),
                             InstanceMethod<&Addon::Unlock>("unlock"),
                             InstanceMethod<&Addon::Sync>("sync"),
                             InstanceMethod<&Addon::SyncDirectory>("syncDirectory"),
                             InstanceMethod<&Addon::Rename>("rename"),
                             InstanceMethod<&Addon::LineArray>("lineArray"),
                         });
    DefineWriter(env, exports);
    // What it was built from; see scripts/native-hash.cjs.
    exports.Set("sources", Napi::String::New(env, "holdfast sources " HOLDFAST_SOURCES));
  }

  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
  void Add(Writer* writer) { writers_[writer] = true; }
  void Remove(Writer* writer) { writers_.erase(writer); }

 private:
  void DefineWriter(Napi::Env env, Napi::Object exports);

  // The first four arguments of every locking function: target (a path, or the number of an open descriptor),
  // flags, and the range's start and length. The flags are those of lib/native.ts.
  enum Flag : uint32_t { kExclusive = 1, kCreate = 2, kFcntl = 4, kBarge = 8 };

  static lock::Request RequestFrom(const Napi::CallbackInfo& info) {
    const uint32_t flags = info[1].As<Napi::Number>().Uint32Value();
    lock::Request request;
    if (info[0].IsNumber()) {
      request.descriptor = os::File::OfDescriptor(info[0].As<Napi::Number>().Int32Value());
    } else {
      request.path = PathFrom(info[0]);
    }
    request.spec.mode = (flags & kExclusive) != 0 ? lock::Mode::kExclusive : lock::Mode::kShared;
    request.spec.kind = (flags & kFcntl) != 0 ? lock::Kind::kFcntl : lock::Kind::kFlock;
    if (request.spec.kind == lock::Kind::kFcntl) {
      request.spec.start = OffsetFrom(info[2]);
      request.spec.length = OffsetFrom(info[3]);
    }
    request.create = (flags & kCreate) != 0;
    return request;
  }

  // tryLockHere(target, flags, start, length): the lock's number, 0 where it is busy, undefined where trying
  // on this thread might block it.
  Napi::Value TryLockHere(const Napi::CallbackInfo& info) {
    const bool barge = (info[1].As<Napi::Number>().Uint32Value() & kBarge) != 0;
    std::optional<lock::Outcome> outcome = lock::TryHere(RequestFrom(info), barge);
    if (!outcome) return info.Env().Undefined();
    if (outcome->error) Throw(info.Env(), outcome->error);
    return Napi::Number::New(info.Env(), outcome->busy ? 0 : Keep(std::move(outcome->lock)));
  }

  // tryLock(target, flags, start, length, done), waitLock(…, done): a ticket for cancel().
  // done(error, lock): the lock's number, or 0 where it is busy.
  Napi::Value TryLock(const Napi::CallbackInfo& info) { return Submit(info, lock::Try); }
  Napi::Value WaitLock(const Napi::CallbackInfo& info) { return Submit(info, lock::Wait); }

  Napi::Value Submit(const Napi::CallbackInfo& info,
                     std::shared_ptr<lock::Waiter> (*start)(lock::Request, lock::Done)) {
    lock::Request request = RequestFrom(info);
    const uint32_t ticket = ++last_ticket_;
    waits_[ticket].callback = Napi::Persistent(info[4].As<Napi::Function>());
    mailbox_->Expect(info.Env());
    // Shared, because a std::function must be copyable and a lock is not.
    waits_[ticket].waiter =
        start(std::move(request), [this, ticket, mailbox = mailbox_](lock::Outcome outcome) {
          mailbox->Post([this, ticket, outcome = std::make_shared<lock::Outcome>(std::move(outcome))](
                            Napi::Env env) { Answer(env, ticket, std::move(*outcome)); });
        });
    return Napi::Number::New(info.Env(), ticket);
  }

  void Answer(Napi::Env env, uint32_t ticket, lock::Outcome outcome) {
    auto wait = waits_.extract(ticket);
    mailbox_->Received(env);
    const Napi::Function callback = wait.mapped().callback.Value();
    if (outcome.error) {
      callback.Call({ToObject(env, outcome.error), Napi::Number::New(env, 0)});
    } else {
      const uint32_t number = outcome.busy ? 0 : Keep(std::move(outcome.lock));
      callback.Call({env.Null(), Napi::Number::New(env, number)});
    }
  }

  // cancel(ticket): true where done() will not be called any more.
  Napi::Value Cancel(const Napi::CallbackInfo& info) {
    const auto found = waits_.find(info[0].As<Napi::Number>().Uint32Value());
    const bool cancelled = found != waits_.end() && lock::Cancel(found->second.waiter);
    if (cancelled) {
      waits_.erase(found);
      mailbox_->Received(info.Env());
    }
    return Napi::Boolean::New(info.Env(), cancelled);
  }

  // waitLockSync(target, flags, start, length, timeout): blocks this thread; the lock's number, or 0 after
  // `timeout` milliseconds (Infinity: never). A helper thread does the waiting, so that the deadline holds
  // even where the system call cannot be interrupted.
  Napi::Value WaitLockSync(const Napi::CallbackInfo& info) {
    struct Shared {
      std::mutex mutex;
      std::condition_variable changed;
      std::optional<lock::Outcome> outcome;
    };
    const double timeout = info[4].As<Napi::Number>().DoubleValue();
    const auto began = os::Clock::now();
    auto shared = std::make_shared<Shared>();
    const auto done = [shared](lock::Outcome outcome) {
      std::lock_guard guard(shared->mutex);
      shared->outcome = std::move(outcome);
      shared->changed.notify_one();
    };
    const lock::Request request = RequestFrom(info);
    const std::shared_ptr<lock::Waiter> waiter =
        timeout == 0 ? lock::Try(request, done) : lock::Wait(request, done);

    std::unique_lock guard(shared->mutex);
    const auto answered = [&] { return shared->outcome.has_value(); };
    constexpr double kLongest = 1e12;  // milliseconds; what a time_point can hold and nobody lives to see
    if (timeout > 0 && timeout < kLongest) {
      const auto wait = std::chrono::duration<double, std::milli>(timeout);
      if (!shared->changed.wait_until(guard, began + std::chrono::duration_cast<os::Clock::duration>(wait),
                                      answered)) {
        guard.unlock();
        if (lock::Cancel(waiter)) return Napi::Number::New(info.Env(), 0);
        guard.lock();
      }
    }
    shared->changed.wait(guard, answered);
    if (shared->outcome->error) Throw(info.Env(), shared->outcome->error);
    return Napi::Number::New(info.Env(), shared->outcome->busy ? 0 : Keep(std::move(shared->outcome->lock)));
  }

  // convert(lock, exclusive): changes the mode without waiting; false where that is not possible now.
  Napi::Value Convert(const Napi::CallbackInfo& info) {
    const auto found = locks_.find(info[0].As<Napi::Number>().Uint32Value());
    if (found == locks_.end()) return Napi::Boolean::New(info.Env(), false);
    os::Error error;
    const auto mode = info[1].ToBoolean() ? lock::Mode::kExclusive : lock::Mode::kShared;
    const lock::Attempt attempt = found->second.Convert(mode, &error);
    if (attempt == lock::Attempt::kFailed) Throw(info.Env(), error);
    return Napi::Boolean::New(info.Env(), attempt == lock::Attempt::kGranted);
  }

  // isFcntl(lock): false where flock had to stand in.
  Napi::Value IsFcntl(const Napi::CallbackInfo& info) {
    const auto found = locks_.find(info[0].As<Napi::Number>().Uint32Value());
    const bool answer = found != locks_.end() && found->second.kind() == lock::Kind::kFcntl;
    return Napi::Boolean::New(info.Env(), answer);
  }

  // isKnownLocal(path): true where calls for this path cannot block on a network.
  Napi::Value IsKnownLocal(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), lock::IsKnownLocal(PathFrom(info[0])));
  }

  // unlockElsewhere(lock, remove, done): as unlock(), on a helper thread, where it may block; else false.
  Napi::Value UnlockElsewhere(const Napi::CallbackInfo& info) {
    const auto found = locks_.find(info[0].As<Napi::Number>().Uint32Value());
    if (found == locks_.end() || found->second.is_local()) return Napi::Boolean::New(info.Env(), false);
    auto held = std::make_shared<lock::HeldLock>(std::move(found->second));
    locks_.erase(found);
    const bool remove = info[1].ToBoolean();
    RunElsewhere(info.Env(), info[2], [held, remove] { return Release(held.get(), remove); });
    return Napi::Boolean::New(info.Env(), true);
  }

  // unlock(lock, remove): with `remove`, removes the file first, where its path still names it.
  void Unlock(const Napi::CallbackInfo& info) {
    const auto found = locks_.find(info[0].As<Napi::Number>().Uint32Value());
    if (found == locks_.end()) return;
    const os::Error error = Release(&found->second, info[1].ToBoolean());
    locks_.erase(found);
    if (error) Throw(info.Env(), error);
  }

  // sync(descriptor, durability, done): makes what was written to the file durable.
  void Sync(const Napi::CallbackInfo& info) {
    // A handle of our own: the caller's may be closed, and its number given to another file, while we wait.
    auto file = std::make_shared<os::File>();
    const os::File::Handle handle = os::File::OfDescriptor(info[0].As<Napi::Number>().Int32Value());
    if (os::Error error = os::File::Duplicate(handle, file.get())) Throw(info.Env(), error);
    const auto durability = static_cast<os::Durability>(info[1].As<Napi::Number>().Int32Value());
    RunElsewhere(info.Env(), info[2], [file, durability] {
      const os::Error error = file->Sync(durability);
      file->Close();
      return error;
    });
  }

  // syncDirectory(path, ancestors, done): makes the directory entry of `path` durable; see os::SyncDirectory.
  void SyncDirectory(const Napi::CallbackInfo& info) {
    const bool ancestors = info[1].ToBoolean();
    RunElsewhere(info.Env(), info[2],
                 [path = PathFrom(info[0]), ancestors] { return os::SyncDirectory(path, ancestors); });
  }

  // rename(from, to, done): see os::Rename.
  void Rename(const Napi::CallbackInfo& info) {
    RunElsewhere(info.Env(), info[2],
                 [from = PathFrom(info[0]), to = PathFrom(info[1])] { return os::Rename(from, to); });
  }

  // lineArray(lines, separator, maxLineBytes, ends): see read::LineArray; undefined where that gives nothing.
  Napi::Value LineArray(const Napi::CallbackInfo& info) {
    const auto lines = info[0].As<Napi::Buffer<char>>();
    const std::string separator = info[1].As<Napi::String>();
    const double max_line_bytes = info[2].As<Napi::Number>().DoubleValue();
    auto ends = info[3].As<Napi::Uint32Array>();
    const std::string_view text =
        line_array_.Make({lines.Data(), lines.Length()}, separator,
                         std::isinf(max_line_bytes) ? UINT64_MAX : static_cast<uint64_t>(max_line_bytes),
                         ends.Data(), ends.ElementLength());
    if (text.empty()) return info.Env().Undefined();
    napi_value array = nullptr;
    // As Latin-1, which copies bytes, and all of it is ASCII.
    const napi_status status = napi_create_string_latin1(info.Env(), text.data(), text.size(), &array);
    NAPI_THROW_IF_FAILED(info.Env(), status, Napi::Value());
    return Napi::Value(info.Env(), array);
  }

  // Runs a job that may block for long on a helper thread; done(error) is called with null or what it
  // returned.
  void RunElsewhere(Napi::Env env, const Napi::Value& done, std::function<os::Error()> job) {
    const uint32_t number = ++last_ticket_;
    jobs_[number] = Napi::Persistent(done.As<Napi::Function>());
    mailbox_->Expect(env);
    const os::Error failure = os::RunOnHelperThread([this, job = std::move(job), number, mailbox = mailbox_] {
      const os::Error error = job();
      mailbox->Post([this, number, error](Napi::Env env) {
        const auto finished = jobs_.extract(number);
        mailbox_->Received(env);
        finished.mapped().Call({error ? ToObject(env, error) : env.Null()});
      });
    });
    if (!failure) return;
    jobs_.erase(number);
    mailbox_->Received(env);
    Throw(env, failure);
  }

  static os::Error Release(lock::HeldLock* held, bool remove) {
    if (remove) return held->RemoveAndRelease();
    held->ReleaseForReuse();
    return {};
  }

  uint32_t Keep(lock::HeldLock held) {
    locks_.emplace(++last_lock_, std::move(held));
    return last_lock_;
  }

  void End();

  struct PendingWait {
    Napi::FunctionReference callback;
    std::shared_ptr<lock::Waiter> waiter;
  };

  std::shared_ptr<Mailbox> mailbox_;
  std::unordered_map<uint32_t, lock::HeldLock> locks_;
  std::unordered_map<uint32_t, PendingWait> waits_;
  std::unordered_map<uint32_t, Napi::FunctionReference> jobs_;
  std::unordered_map<Writer*, bool> writers_;
  read::LineArray line_array_;
  Napi::FunctionReference writer_class_;
  uint32_t last_lock_ = 0;
  uint32_t last_ticket_ = 0;
};

// new Writer(path, options, settle): the batch writer of one open chronicle. `settle` gets each reply as its
// arguments, as lib/native.ts describes them.
class Writer : public Napi::ObjectWrap<Writer> {
 public:
  explicit Writer(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<Writer>(info),
        addon_(info.Env().GetInstanceData<Addon>()),
        self_(std::make_shared<Writer*>(this)) {
    const auto given = info[1].As<Napi::Object>();
    const auto number = [&given](const char* name) { return given.Get(name).As<Napi::Number>(); };
    // Infinity stands for "no bound".
    const auto bound = [&number](const char* name) {
      const double value = number(name).DoubleValue();
      return std::isinf(value) ? UINT64_MAX : static_cast<uint64_t>(value);
    };
    append::Options options;
    options.path = PathFrom(info[0]);
    options.lock_timeout = std::chrono::milliseconds(number("lockTimeout").Int64Value());
    options.durability = static_cast<os::Durability>(number("durability").Int32Value());
    options.id_key = given.Get("idKey").As<Napi::String>().Utf8Value();
    options.window = static_cast<size_t>(bound("window"));
    options.max_line_bytes = bound("maxLineBytes");
    options.rotation.max_bytes = bound("rotateBytes");
    options.rotation.max_age = std::chrono::milliseconds(number("rotateAge").Int64Value());
    options.rotation.keep = static_cast<size_t>(bound("keep"));
    // A property, which the garbage collector sees: a reference would keep this object alive for ever.
    info.This().As<Napi::Object>().Set("settle", info[2]);
    writer_ = std::make_shared<append::BatchWriter>(std::move(options),
                                                    [self = self_, mailbox = addon_->mailbox()] {
                                                      mailbox->Post([self](Napi::Env env) {
                                                        if (*self != nullptr) (*self)->SettleAll(env);
                                                      });
                                                    });
    addon_->Add(this);
  }

  ~Writer() override {
    *self_ = nullptr;
    if (addon_ != nullptr) addon_->Remove(this);
    writer_->Close(false);
  }

  // The environment ends before this object does.
  void Abandon() {
    addon_ = nullptr;
    writer_->Close(false);
  }

  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Writer",
                       {
                           InstanceMethod<&Writer::Open>("open"),
                           InstanceMethod<&Writer::Append>("append"),
                           InstanceMethod<&Writer::Answer>("answer"),
                           InstanceMethod<&Writer::SettleNext>("settleNext"),
                           InstanceMethod<&Writer::Close>("close"),
                       });
  }

 private:
  void Open(const Napi::CallbackInfo& info) {
    Expect(info.Env());
    writer_->Open();
  }

  // append(buffer, length, lines, conditions): whole lines, in so many bytes; of each condition its first
  // line, how many lines and the end.
  void Append(const Napi::CallbackInfo& info) {
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
  void Answer(const Napi::CallbackInfo& info) {
    const auto given = info[0].As<Napi::Array>();
    std::vector<bool> duplicates(given.Length());
    for (uint32_t i = 0; i < given.Length(); i++) duplicates[i] = given.Get(i).ToBoolean();
    writer_->Answer(std::move(duplicates));
  }

  // settleNext(): blocks this thread until there is a reply, and settles it; false where none is to come.
  Napi::Value SettleNext(const Napi::CallbackInfo& info) {
    auto reply = expected_ > 0 ? writer_->Next(true) : std::nullopt;
    if (reply) Settle(info.Env(), *reply);
    return Napi::Boolean::New(info.Env(), reply.has_value());
  }

  // close(): settled as a batch of its own, with kClosed. Once.
  void Close(const Napi::CallbackInfo& info) {
    Expect(info.Env());
    writer_->Close(true);
  }

  // While replies are expected, this object and the event loop stay alive.
  void Expect(Napi::Env env) {
    if (expected_++ > 0) return;
    Ref();
    addon_->mailbox()->Expect(env);
  }

  void SettleAll(Napi::Env env) {
    while (*self_ != nullptr && addon_ != nullptr) {
      auto reply = writer_->Next(false);
      if (!reply) return;
      Napi::HandleScope scope(env);
      Settle(env, *reply);
    }
  }

  void Settle(Napi::Env env, const append::Reply& reply) {
    try {
      CallSettle(env, reply);
    } catch (...) {
      // Out of memory, mostly. The writer must not wait for an answer that does not come.
      if (reply.status == append::Status::kAsk) writer_->Answer({});
      throw;
    }
  }

  void CallSettle(Napi::Env env, const append::Reply& reply) {
    const std::shared_ptr<Mailbox> mailbox = addon_->mailbox();
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
                 number((reply.healed ? 1 : 0) + (reply.rotated ? 2 : 0)),
                 number(static_cast<double>(reply.known_ids)), number(static_cast<double>(reply.known_bytes)),
                 Details(env, reply)});
  }

  // What is there only sometimes.
  static Napi::Value Details(Napi::Env env, const append::Reply& reply) {
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

  Addon* addon_;
  const std::shared_ptr<Writer*> self_;  // null when this object is gone
  std::shared_ptr<append::BatchWriter> writer_;
  size_t expected_ = 0;
};

void Addon::DefineWriter(Napi::Env env, Napi::Object exports) {
  const Napi::Function constructor = Writer::Define(env);
  writer_class_ = Napi::Persistent(constructor);
  exports.Set("Writer", constructor);
}

void Addon::End() {
  mailbox_->Close();
  for (auto& [ticket, wait] : waits_) lock::Cancel(wait.waiter);
  waits_.clear();
  jobs_.clear();
  locks_.clear();
  for (auto& [writer, open] : writers_) writer->Abandon();
  writers_.clear();
}

}  // namespace

NODE_API_ADDON(Addon)

}  // namespace holdfast
