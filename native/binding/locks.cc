// Locks for JavaScript, which knows each by its LockId. Every function that takes one begins with the same
// four arguments: target (a path, or the number of an open descriptor), LockFlags, and the range's start and
// length.
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/protocol.h"
#include "binding/values.h"
#include "lock/wait_queue.h"
#include "os/clock.h"

namespace holdfast {
namespace {

using protocol::FileAtUnlock;
using protocol::LockId;
using protocol::NoLock;
using protocol::Ticket;

uint32_t FlagsFrom(const Napi::Value& value) {
  constexpr uint32_t kAll = (0777u << protocol::kPermissionBits) | ((1u << protocol::kPermissionBits) - 1);
  return static_cast<uint32_t>(IntegerFrom(value, "flags", 0, kAll));
}

lock::Request RequestFrom(const Napi::CallbackInfo& info) {
  const uint32_t flags = FlagsFrom(info[1]);
  lock::Request request;
  if (info[0].IsNumber()) {
    request.descriptor = os::File::OfDescriptor(DescriptorFrom(info[0], "target"));
  } else {
    request.path = PathFrom(info[0]);
  }
  request.spec.mode = (flags & protocol::kExclusive) != 0 ? lock::Mode::kExclusive : lock::Mode::kShared;
  request.spec.kind = (flags & protocol::kFcntl) != 0 ? lock::Kind::kFcntl : lock::Kind::kFlock;
  if (request.spec.kind == lock::Kind::kFcntl) {
    request.spec.start = OffsetFrom(info[2], "start");
    request.spec.length = OffsetFrom(info[3], "length");
    if (request.spec.length > INT64_MAX - request.spec.start) {
      throw Napi::TypeError::New(info.Env(), "length: expected a range that ends before 2^63");
    }
  }
  request.create = (flags & protocol::kCreate) != 0;
  if ((flags & protocol::kPermissions) != 0) request.permissions = flags >> protocol::kPermissionBits;
  request.blocks = (flags & protocol::kBlocks) != 0;
  request.owner = Environment::Of(info.Env()).owner();
  request.lock_file = (flags & protocol::kLockFile) != 0;
  return request;
}

// `timeout` milliseconds from now.
os::Clock::time_point DeadlineFrom(const Napi::Value& timeout) {
  const auto wait = MillisecondsFrom(timeout, "timeout");
  if (wait.count() >= kMaxMilliseconds) return os::kNever;
  return os::Clock::now() + std::chrono::duration_cast<os::Clock::duration>(wait);
}

LockId LockIdFrom(const Napi::Value& value) {
  return static_cast<LockId>(IntegerFrom(value, "lock", 0, UINT32_MAX));
}

Napi::Value ToValue(Napi::Env env, NoLock none) {
  return Napi::Number::New(env, static_cast<int>(none));
}

// The LockId of what was granted, or NoLock::kBusy.
Napi::Value ToValue(Napi::Env env, lock::Outcome outcome) {
  if (outcome.busy) return ToValue(env, NoLock::kBusy);
  return Napi::Number::New(env, Environment::Of(env).Keep(std::move(outcome.lock)));
}

// tryLockOnThisThread(target, flags, start, length): a LockId or a NoLock.
Napi::Value TryLockOnThisThread(const Napi::CallbackInfo& info) {
  const bool barge = (FlagsFrom(info[1]) & protocol::kBarge) != 0;
  const lock::Request request = RequestFrom(info);
  std::optional<lock::Outcome> outcome = lock::TryOnThisThread(request, barge);
  if (outcome && outcome->busy && request.blocks) {
    if (auto taken = lock::TakeOver(request)) outcome = lock::Outcome{{}, false, std::move(*taken)};
  }
  if (!outcome) return ToValue(info.Env(), NoLock::kMightBlock);
  if (outcome->error) Throw(info.Env(), outcome->error);
  return ToValue(info.Env(), std::move(*outcome));
}

void Answer(Napi::Env env, Ticket ticket) {
  Environment& environment = Environment::Of(env);
  const auto found = environment.waits().find(ticket);
  if (found == environment.waits().end()) return;
  std::optional<lock::Outcome> outcome = lock::Take(found->second.waiter);
  if (!outcome) return;
  const Napi::FunctionReference reference = std::move(found->second.done);
  environment.waits().erase(found);
  environment.mailbox()->Received(env);
  const Napi::Function done = reference.Value();
  if (outcome->error) {
    done.Call({ToObject(env, outcome->error), ToValue(env, NoLock::kBusy)});
  } else {
    done.Call({env.Null(), ToValue(env, std::move(*outcome))});
  }
}

Napi::Value Submit(const Napi::CallbackInfo& info,
                   std::shared_ptr<lock::Waiter> (*start)(lock::Request, lock::Done), lock::Request request) {
  Environment& environment = Environment::Of(info.Env());
  const Napi::Function done = FunctionFrom(info[4], "done");
  const Ticket ticket = environment.NewTicket();
  Environment::PendingWait& wait = environment.waits()[ticket];
  wait.done = Napi::Persistent(done);
  environment.mailbox()->Expect(info.Env());
  wait.waiter = start(std::move(request), [ticket, mailbox = environment.mailbox()] {
    mailbox->Post([ticket](Napi::Env env) { Answer(env, ticket); });
  });
  return Napi::Number::New(info.Env(), ticket);
}

// tryLock(target, flags, start, length, done): a Ticket for cancel(). done(error, lock) gets a LockId or
// NoLock::kBusy.
Napi::Value TryLock(const Napi::CallbackInfo& info) {
  return Submit(info, lock::Try, RequestFrom(info));
}
// waitLock(target, flags, start, length, done, timeout): likewise; NoLock::kBusy if it was granted more than
// `timeout` milliseconds later. Until when it waits is the caller's to say.
Napi::Value WaitLock(const Napi::CallbackInfo& info) {
  lock::Request request = RequestFrom(info);
  request.deadline = DeadlineFrom(info[5]);
  return Submit(info, lock::Wait, std::move(request));
}

// cancel(ticket): true if done() will not be called any more.
Napi::Value Cancel(const Napi::CallbackInfo& info) {
  Environment& environment = Environment::Of(info.Env());
  const auto found =
      environment.waits().find(static_cast<Ticket>(IntegerFrom(info[0], "ticket", 0, UINT32_MAX)));
  const bool cancelled = found != environment.waits().end() && lock::Cancel(found->second.waiter);
  if (cancelled) {
    environment.waits().erase(found);
    environment.mailbox()->Received(info.Env());
  }
  return Napi::Boolean::New(info.Env(), cancelled);
}

// waitLockSync(target, flags, start, length, timeout): blocks this thread; a LockId, or NoLock::kBusy after
// `timeout` milliseconds, which may be kUnbounded. A helper thread does the waiting, so that the deadline
// holds even if the system call cannot be interrupted. Throws EDEADLK if this thread holds the lock itself.
Napi::Value WaitLockSync(const Napi::CallbackInfo& info) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    bool answered = false;
  };
  Environment& environment = Environment::Of(info.Env());
  lock::Request request = RequestFrom(info);
  request.deadline = DeadlineFrom(info[4]);
  const bool waits = info[4].As<Napi::Number>().DoubleValue() > 0;
  request.blocks = true;
  if (auto taken = lock::TakeOver(request)) {
    return ToValue(info.Env(), lock::Outcome{{}, false, std::move(*taken)});
  }
  if (!waits) request.deadline = os::kNever;
  const os::Clock::time_point deadline = request.deadline;
  auto shared = std::make_shared<Shared>();
  const auto done = [shared] {
    std::lock_guard guard(shared->mutex);
    shared->answered = true;
    shared->changed.notify_one();
  };
  const lock::Blocking blocking(environment.owner(), environment.HeldLocks());
  const std::shared_ptr<lock::Waiter> waiter =
      waits ? lock::Wait(std::move(request), done) : lock::Try(std::move(request), done);

  std::unique_lock guard(shared->mutex);
  const auto answered = [&] { return shared->answered; };
  if (deadline != os::kNever && !shared->changed.wait_until(guard, deadline, answered)) {
    guard.unlock();
    if (lock::Cancel(waiter)) return ToValue(info.Env(), NoLock::kBusy);
    guard.lock();
  }
  shared->changed.wait(guard, answered);
  std::optional<lock::Outcome> outcome = lock::Take(waiter);
  if (outcome->error) Throw(info.Env(), outcome->error);
  return ToValue(info.Env(), std::move(*outcome));
}

// convert(lock, mode): changes the mode without waiting; false if that is not possible now.
Napi::Value Convert(const Napi::CallbackInfo& info) {
  lock::HeldLock* held = Environment::Of(info.Env()).FindLock(LockIdFrom(info[0]));
  if (held == nullptr) return Napi::Boolean::New(info.Env(), false);
  os::Error error;
  const auto mode = EnumFrom(info[1], "mode", lock::Mode::kExclusive);
  const lock::Attempt attempt = held->Convert(mode, &error);
  if (attempt == lock::Attempt::kFailed) Throw(info.Env(), error);
  return Napi::Boolean::New(info.Env(), attempt == lock::Attempt::kGranted);
}

// isFcntl(lock): false if flock had to stand in.
Napi::Value IsFcntl(const Napi::CallbackInfo& info) {
  const lock::HeldLock* held = Environment::Of(info.Env()).FindLock(LockIdFrom(info[0]));
  return Napi::Boolean::New(info.Env(), held != nullptr && held->kind() == lock::Kind::kFcntl);
}

// identityOf(lock): { device, inode } of the file; undefined if the lock is not held.
Napi::Value IdentityOf(const Napi::CallbackInfo& info) {
  const lock::HeldLock* held = Environment::Of(info.Env()).FindLock(LockIdFrom(info[0]));
  if (held == nullptr) return info.Env().Undefined();
  const os::FileId file = held->locked().id;
  Napi::Object identity = Napi::Object::New(info.Env());
  identity["device"] = Napi::BigInt::New(info.Env(), file.device);
  identity["inode"] = Napi::BigInt::New(info.Env(), file.inode);
  return identity;
}

// isKnownLocal(path): true if calls for this path cannot block on a network.
Napi::Value IsKnownLocal(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), lock::IsKnownLocal(PathFrom(info[0])));
}

// giveAway(lock): the descriptor that has the lock, which is the caller's to close from now on; -1 on
// Windows, or if the lock is not held.
Napi::Value GiveAway(const Napi::CallbackInfo& info) {
  Environment& environment = Environment::Of(info.Env());
  const LockId id = LockIdFrom(info[0]);
  lock::HeldLock* held = environment.FindLock(id);
  if (held == nullptr) return Napi::Number::New(info.Env(), -1);
  const int descriptor = held->GiveAway().ReleaseDescriptor();
  environment.ForgetLock(id);
  return Napi::Number::New(info.Env(), descriptor);
}

os::Error Release(lock::HeldLock* held, FileAtUnlock file) {
  if (file == FileAtUnlock::kRemove) return held->RemoveAndRelease();
  held->ReleaseForReuse();
  return {};
}

FileAtUnlock FileAtUnlockFrom(const Napi::Value& value) {
  return EnumFrom(value, "file", FileAtUnlock::kRemove);
}

// unlock(lock, file): a FileAtUnlock; a file is removed first, and only if its path still names it.
void Unlock(const Napi::CallbackInfo& info) {
  Environment& environment = Environment::Of(info.Env());
  const LockId id = LockIdFrom(info[0]);
  lock::HeldLock* held = environment.FindLock(id);
  if (held == nullptr) return;
  const FileAtUnlock file = FileAtUnlockFrom(info[1]);
  const os::Error error = Release(held, file);
  environment.ForgetLock(id);
  if (error) Throw(info.Env(), error);
}

// unlockAtOnce(lock, file): as unlock(), if that cannot block; else false.
Napi::Value UnlockAtOnce(const Napi::CallbackInfo& info) {
  const lock::HeldLock* held = Environment::Of(info.Env()).FindLock(LockIdFrom(info[0]));
  const bool blocks = held != nullptr && !held->is_local();
  if (!blocks) Unlock(info);
  return Napi::Boolean::New(info.Env(), !blocks);
}

// unlockOnHelper(lock, file, done): as unlock(), on a helper thread.
void UnlockOnHelper(const Napi::CallbackInfo& info) {
  Environment& environment = Environment::Of(info.Env());
  const LockId id = LockIdFrom(info[0]);
  lock::HeldLock* found = environment.FindLock(id);
  const FileAtUnlock file = FileAtUnlockFrom(info[1]);
  const Napi::Function done = FunctionFrom(info[2], "done");
  auto held = std::make_shared<lock::HeldLock>(found == nullptr ? lock::HeldLock() : std::move(*found));
  environment.ForgetLock(id);
  environment.RunOnHelper(info.Env(), done, [held, file] { return Release(held.get(), file); });
}

}  // namespace

void DefineLocks(Napi::Env env, Napi::Object exports) {
  Define<TryLockOnThisThread>(env, exports, "tryLockOnThisThread");
  Define<TryLock>(env, exports, "tryLock");
  Define<WaitLock>(env, exports, "waitLock");
  Define<WaitLockSync>(env, exports, "waitLockSync");
  Define<Cancel>(env, exports, "cancel");
  Define<Convert>(env, exports, "convert");
  Define<IsFcntl>(env, exports, "isFcntl");
  Define<IdentityOf>(env, exports, "identityOf");
  Define<IsKnownLocal>(env, exports, "isKnownLocal");
  Define<GiveAway>(env, exports, "giveAway");
  Define<Unlock>(env, exports, "unlock");
  Define<UnlockAtOnce>(env, exports, "unlockAtOnce");
  Define<UnlockOnHelper>(env, exports, "unlockOnHelper");
}

}  // namespace holdfast
