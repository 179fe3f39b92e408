#include "binding/environment.h"

#include <errno.h>

#include <exception>
#include <new>
#include <utility>

#include "binding/values.h"
#include "binding/writer.h"
#include "os/thread_pool.h"

namespace holdfast {

void Mailbox::Open(Napi::Env env) {
  function_ = Function::New(env, "holdfast", 0, 1, this);
  function_.Unref(env);
}

void Mailbox::Close() {
  std::vector<Task> dropped;
  std::lock_guard guard(mutex_);
  open_ = false;
  dropped.swap(tasks_);
}

void Mailbox::Post(Task task) {
  std::lock_guard guard(mutex_);
  if (!open_) return;
  tasks_.push_back(std::move(task));
  if (tasks_.size() == 1) function_.NonBlockingCall();
}

void Mailbox::Expect(Napi::Env env) {
  if (expected_++ == 0) function_.Ref(env);
}

void Mailbox::Received(Napi::Env env) {
  if (--expected_ == 0) function_.Unref(env);
}

void Mailbox::Deliver(Napi::Env env, Napi::Function, Mailbox* mailbox, void*) {
  if (env == nullptr) return;
  // The environment may end in one of the tasks (process.exit), and its reference to the mailbox with it.
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
      // If the environment ends meanwhile (worker.terminate), there is nobody to throw at: binding.gyp
      // defines NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS for that.
      napi_fatal_exception(env, error.Value());
    } catch (const std::exception& error) {
      // Out of memory. Whoever waits for this answer would wait for ever.
      napi_fatal_exception(env, Napi::Error::New(env, error.what()).Value());
    }
  }
}

Environment::Environment(Napi::Env env) : mailbox_(std::make_shared<Mailbox>()) {
  mailbox_->Open(env);
  // Added after the mailbox's own hook and so run before it.
  env.AddCleanupHook([this] { End(); });
}

protocol::LockId Environment::Keep(lock::HeldLock held) {
  // After 2^32 locks they start again, and some of the first may be held still.
  do {
    ++last_lock_;
  } while (last_lock_ == 0 || !locks_.try_emplace(last_lock_, std::move(held)).second);
  return last_lock_;
}

protocol::Ticket Environment::NewTicket() {
  while (++last_ticket_ == 0 || waits_.count(last_ticket_) != 0 || jobs_.count(last_ticket_) != 0) continue;
  return last_ticket_;
}

lock::HeldLock* Environment::FindLock(protocol::LockId id) {
  const auto found = locks_.find(id);
  return found == locks_.end() ? nullptr : &found->second;
}

protocol::ReplacementId Environment::Keep(std::shared_ptr<files::Replacement> replacement) {
  do {
    ++last_replacement_;
  } while (last_replacement_ == 0 || !replacements_.try_emplace(last_replacement_, replacement).second);
  return last_replacement_;
}

std::shared_ptr<files::Replacement> Environment::FindReplacement(protocol::ReplacementId id) const {
  const auto found = replacements_.find(id);
  return found == replacements_.end() ? nullptr : found->second;
}

void Environment::AbandonReplacements() {
  for (const auto& [id, replacement] : replacements_) replacement->Abandon();
}

std::vector<lock::Locked> Environment::HeldLocks() const {
  std::vector<lock::Locked> held;
  held.reserve(locks_.size());
  for (const auto& [id, lock] : locks_) held.push_back(lock.locked());
  return held;
}

void Environment::RunOnHelper(Napi::Env env, const Napi::Value& done, std::function<os::Error()> job) {
  RunOnHelper(env, done, [job = std::move(job)]() -> Answer {
    return [error = job()](Napi::Env env) -> Napi::Value {
      if (error) return ToObject(env, error);
      return env.Null();
    };
  });
}

void Environment::RunOnHelper(Napi::Env env, const Napi::Value& done, std::function<Answer()> job) {
  const Napi::Function function = FunctionFrom(done, "done");
  const protocol::Ticket ticket = NewTicket();
  jobs_[ticket] = Napi::Persistent(function);
  mailbox_->Expect(env);
  const os::Error failure = os::RunOnHelperThread([this, job = std::move(job), ticket, mailbox = mailbox_] {
    Answer answer;
    try {
      answer = job();
    } catch (const std::bad_alloc&) {
      answer = [](Napi::Env env) -> Napi::Value { return ToObject(env, os::Error{ENOMEM, "malloc"}); };
    }
    mailbox->Post([this, ticket, answer = std::move(answer)](Napi::Env env) {
      const auto finished = jobs_.extract(ticket);
      mailbox_->Received(env);
      finished.mapped().Call({answer(env)});
    });
  });
  if (!failure) return;
  jobs_.erase(ticket);
  mailbox_->Received(env);
  Throw(env, failure);
}

void Environment::End() {
  mailbox_->Close();
  for (auto& [ticket, wait] : waits_) lock::Discard(wait.waiter);
  waits_.clear();
  jobs_.clear();
  locks_.clear();
  AbandonReplacements();
  replacements_.clear();
  for (Writer* writer : writers_) writer->Abandon();
  writers_.clear();
}

}  // namespace holdfast
