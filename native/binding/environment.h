// What one JavaScript thread has: each environment of Node (the main thread, each worker thread) has an
// Environment of its own. It owns the locks that were taken in it, the waits that are pending in it, the
// chronicles that are open in it and the files that are being replaced in it, and ends them all when the
// environment ends: normally, by process.exit() or by worker.terminate().
#ifndef HOLDFAST_BINDING_ENVIRONMENT_H_
#define HOLDFAST_BINDING_ENVIRONMENT_H_

#include <napi.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "binding/protocol.h"
#include "event/plain_json.h"
#include "files/replacement.h"
#include "lock/held_lock.h"
#include "lock/owner.h"
#include "lock/wait_queue.h"
#include "os/file.h"
#include "read/line_array.h"

namespace holdfast {

// Carries work from helper threads to the thread of one environment. Tasks posted after the environment has
// ended are dropped, and what they own is freed where they were posted.
class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  using Task = std::function<void(Napi::Env)>;

  void Open(Napi::Env env);
  void Close();

  // On any thread.
  void Post(Task task);

  // While an answer is expected, the event loop stays alive.
  void Expect(Napi::Env env);
  void Received(Napi::Env env);

 private:
  static void Deliver(Napi::Env env, Napi::Function, Mailbox* mailbox, void*);

  using Function = Napi::TypedThreadSafeFunction<Mailbox, void, Deliver>;

  Function function_;
  std::mutex mutex_;
  std::vector<Task> tasks_;
  bool open_ = true;
  int expected_ = 0;
};

class Writer;

class Environment {
 public:
  explicit Environment(Napi::Env env);
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  static Environment& Of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
  // For the requests of this thread.
  const std::shared_ptr<lock::Owner>& owner() const { return owner_; }
  read::LineArray& line_array() { return line_array_; }
  event::PlainJson& plain_json() { return plain_json_; }

  // The locks that are held.
  protocol::LockId Keep(lock::HeldLock held);
  // Null if no lock has this id.
  lock::HeldLock* FindLock(protocol::LockId id);
  void ForgetLock(protocol::LockId id) { locks_.erase(id); }
  std::vector<lock::Locked> HeldLocks() const;

  // The files that are being replaced.
  protocol::ReplacementId Keep(std::shared_ptr<files::Replacement> replacement);
  // Null if none has this number.
  std::shared_ptr<files::Replacement> FindReplacement(protocol::ReplacementId id) const;
  void ForgetReplacement(protocol::ReplacementId id) { replacements_.erase(id); }
  void AbandonReplacements();

  // A call that waits for a lock, and who is told how it ended.
  struct PendingWait {
    Napi::FunctionReference done;
    std::shared_ptr<lock::Waiter> waiter;
  };
  std::unordered_map<protocol::Ticket, PendingWait>& waits() { return waits_; }
  // That of no call that is pending.
  protocol::Ticket NewTicket();

  // Runs a job that may block for long on a helper thread; done(error) is called with null or what it
  // returned.
  void RunOnHelper(Napi::Env env, const Napi::Value& done, std::function<os::Error()> job);

  // Makes, on the thread of the environment, what a job came to.
  using Answer = std::function<Napi::Value(Napi::Env)>;
  // Likewise; done(answer) is called with what that makes, or with the error ENOMEM.
  void RunOnHelper(Napi::Env env, const Napi::Value& done, std::function<Answer()> job);

  void Add(Writer* writer) { writers_.insert(writer); }
  void Remove(Writer* writer) { writers_.erase(writer); }

 private:
  void End();

  std::shared_ptr<Mailbox> mailbox_;
  const std::shared_ptr<lock::Owner> owner_ = std::make_shared<lock::Owner>();
  std::unordered_map<protocol::LockId, lock::HeldLock> locks_;
  std::unordered_map<protocol::Ticket, PendingWait> waits_;
  std::unordered_map<protocol::Ticket, Napi::FunctionReference> jobs_;
  std::unordered_map<protocol::ReplacementId, std::shared_ptr<files::Replacement>> replacements_;
  std::unordered_set<Writer*> writers_;
  read::LineArray line_array_;
  event::PlainJson plain_json_;
  protocol::LockId last_lock_ = 0;
  protocol::Ticket last_ticket_ = 0;
  protocol::ReplacementId last_replacement_ = 0;
};

}  // namespace holdfast

#endif  // HOLDFAST_BINDING_ENVIRONMENT_H_
