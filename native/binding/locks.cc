// Locks for JavaScript, which knows each by its number. Every locking function begins with the same four
// arguments: target (a path, or the number of an open descriptor), flags, and the range's start and length.
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/values.h"
#include "lock/wait_queue.h"
#include "os/clock.h"

namespace holdfast {
namespace {

// As in lib/native.
enum Flag : uint32_t { kExclusive = 1, kCreate = 2, kFcntl = 4, kBarge = 8 };

lock::Request RequestFrom(const Napi::CallbackInfo& info) {
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

uint32_t NumberFrom(const Napi::Value& value) {
  return value.As<Napi::Number>().Uint32Value();
}

// tryLockHere(target, flags, start, length): the lock's number, 0 if it is busy, undefined if trying on this
// thread might block it.
Napi::Value TryLockHere(const Napi::CallbackInfo& info) {
  const bool barge = (info[1].As<Napi::Number>().Uint32Value() & kBarge) != 0;
  std::optional<lock::Outcome> outcome = lock::TryHere(RequestFrom(info), barge);
  if (!outcome) return info.Env().Undefined();
  if (outcome->error) Throw(info.Env(), outcome->error);
  const uint32_t number = outcome->busy ? 0 : Environment::Of(info.Env()).Keep(std::move(outcome->lock));
  return Napi::Number::New(info.Env(), number);
}

void Answer(Napi::Env env, Environment* environment, uint32_t ticket, lock::Outcome outcome) {
  auto wait = environment->waits().extract(ticket);
  environment->mailbox()->Received(env);
  const Napi::Function callback = wait.mapped().callback.Value();
  if (outcome.error) {
    callback.Call({ToObject(env, outcome.error), Napi::Number::New(env, 0)});
  } else {
    const uint32_t number = outcome.busy ? 0 : environment->Keep(std::move(outcome.lock));
    callback.Call({env.Null(), Napi::Number::New(env, number)});
  }
}

Napi::Value Submit(const Napi::CallbackInfo& info,
                   std::shared_ptr<lock::Waiter> (*start)(lock::Request, lock::Done)) {
  Environment* environment = &Environment::Of(info.Env());
  lock::Request request = RequestFrom(info);
  const uint32_t ticket = environment->NewTicket();
  Environment::PendingWait& wait = environment->waits()[ticket];
  wait.callback = Napi::Persistent(info[4].As<Napi::Function>());
  environment->mailbox()->Expect(info.Env());
  // Shared, because a std::function must be copyable and a lock is not.
  wait.waiter = start(
      std::move(request), [environment, ticket, mailbox = environment->mailbox()](lock::Outcome outcome) {
        mailbox->Post([environment, ticket, outcome = std::make_shared<lock::Outcome>(std::move(outcome))](
                          Napi::Env env) { Answer(env, environment, ticket, std::move(*outcome)); });
      });
  return Napi::Number::New(info.Env(), ticket);
}

// tryLock(target, flags, start, length, done), waitLock(…, done): a ticket for cancel().
// done(error, lock): the lock's number, or 0 if it is busy.
Napi::Value TryLock(const Napi::CallbackInfo& info) {
  return Submit(info, lock::Try);
}
Napi::Value WaitLock(const Napi::CallbackInfo& info) {
  return Submit(info, lock::Wait);
}

// cancel(ticket): true if done() will not be called any more.
Napi::Value Cancel(const Napi::CallbackInfo& info) {
  Environment& environment = Environment::Of(info.Env());
  const auto found = environment.waits().find(NumberFrom(info[0]));
  const bool cancelled = found != environment.waits().end() && lock::Cancel(found->second.waiter);
  if (cancelled) {
    environment.waits().erase(found);
    environment.mailbox()->Received(info.Env());
  }
  return Napi::Boolean::New(info.Env(), cancelled);
}

// waitLockSync(target, flags, start, length, timeout): blocks this thread; the lock's number, or 0 after
// `timeout` milliseconds (Infinity: never). A helper thread does the waiting, so that the deadline holds
// even if the system call cannot be interrupted.
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
  constexpr double kMaxTimeout = 1e12;  // milliseconds; what a time_point can hold and nobody lives to see
  if (timeout > 0 && timeout < kMaxTimeout) {
    const auto wait = std::chrono::duration<double, std::milli>(timeout);
    const auto deadline = began + std::chrono::duration_cast<os::Clock::duration>(wait);
    if (!shared->changed.wait_until(guard, deadline, answered)) {
      guard.unlock();
      if (lock::Cancel(waiter)) return Napi::Number::New(info.Env(), 0);
      guard.lock();
    }
  }
  shared->changed.wait(guard, answered);
  if (shared->outcome->error) Throw(info.Env(), shared->outcome->error);
  const uint32_t number =
      shared->outcome->busy ? 0 : Environment::Of(info.Env()).Keep(std::move(shared->outcome->lock));
  return Napi::Number::New(info.Env(), number);
}

// convert(lock, exclusive): changes the mode without waiting; false if that is not possible now.
Napi::Value Convert(const Napi::CallbackInfo& info) {
  lock::HeldLock* held = Environment::Of(info.Env()).FindLock(NumberFrom(info[0]));
  if (held == nullptr) return Napi::Boolean::New(info.Env(), false);
  os::Error error;
  const auto mode = info[1].ToBoolean() ? lock::Mode::kExclusive : lock::Mode::kShared;
  const lock::Attempt attempt = held->Convert(mode, &error);
  if (attempt == lock::Attempt::kFailed) Throw(info.Env(), error);
  return Napi::Boolean::New(info.Env(), attempt == lock::Attempt::kGranted);
}

// isFcntl(lock): false if flock had to stand in.
Napi::Value IsFcntl(const Napi::CallbackInfo& info) {
  const lock::HeldLock* held = Environment::Of(info.Env()).FindLock(NumberFrom(info[0]));
  return Napi::Boolean::New(info.Env(), held != nullptr && held->kind() == lock::Kind::kFcntl);
}

// isKnownLocal(path): true if calls for this path cannot block on a network.
Napi::Value IsKnownLocal(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), lock::IsKnownLocal(PathFrom(info[0])));
}

os::Error Release(lock::HeldLock* held, bool remove) {
  if (remove) return held->RemoveAndRelease();
  held->ReleaseForReuse();
  return {};
}

// unlockElsewhere(lock, remove, done): as unlock(), on a helper thread, if it may block; else false.
Napi::Value UnlockElsewhere(const Napi::CallbackInfo& info) {
  Environment& environment = Environment::Of(info.Env());
  const uint32_t number = NumberFrom(info[0]);
  lock::HeldLock* found = environment.FindLock(number);
  if (found == nullptr || found->is_local()) return Napi::Boolean::New(info.Env(), false);
  auto held = std::make_shared<lock::HeldLock>(std::move(*found));
  environment.ForgetLock(number);
  const bool remove = info[1].ToBoolean();
  environment.RunOnHelper(info.Env(), info[2], [held, remove] { return Release(held.get(), remove); });
  return Napi::Boolean::New(info.Env(), true);
}

// unlock(lock, remove): with `remove`, removes the file first, if its path still names it.
void Unlock(const Napi::CallbackInfo& info) {
  Environment& environment = Environment::Of(info.Env());
  const uint32_t number = NumberFrom(info[0]);
  lock::HeldLock* held = environment.FindLock(number);
  if (held == nullptr) return;
  const os::Error error = Release(held, info[1].ToBoolean());
  environment.ForgetLock(number);
  if (error) Throw(info.Env(), error);
}

}  // namespace

void DefineLocks(Napi::Env env, Napi::Object exports) {
  Define<TryLockHere>(env, exports, "tryLockHere");
  Define<TryLock>(env, exports, "tryLock");
  Define<WaitLock>(env, exports, "waitLock");
  Define<WaitLockSync>(env, exports, "waitLockSync");
  Define<Cancel>(env, exports, "cancel");
  Define<Convert>(env, exports, "convert");
  Define<IsFcntl>(env, exports, "isFcntl");
  Define<IsKnownLocal>(env, exports, "isKnownLocal");
  Define<UnlockElsewhere>(env, exports, "unlockElsewhere");
  Define<Unlock>(env, exports, "unlock");
}

}  // namespace holdfast
