// The thread of a batch writer: takes the batches that JavaScript hands over, has them committed as groups,
// and hands back replies. Knows no file; what commits is a Committer.
//
// The thread exists while there is work and a little longer. If groups follow each other closely, it spins
// for the next one before it sleeps. What has come may wait for more (gathering.h). Whoever blocks for an
// append has it committed on his own thread, if nothing else is under way.
#ifndef HOLDFAST_APPEND_WRITER_THREAD_H_
#define HOLDFAST_APPEND_WRITER_THREAD_H_

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "append/gathering.h"
#include "append/group.h"
#include "append/reply.h"
#include "lock/interrupt.h"
#include "os/clock.h"
#include "os/mutex.h"

namespace holdfast::append {

class WriterThread;

// What the thread drives. Never called by two threads at once, and nothing of it throws.
class Committer {
 public:
  virtual ~Committer() = default;

  virtual Reply Open() = 0;
  // May ask JavaScript and wait, with the help of `thread`.
  virtual Reply Commit(Group* group, WriterThread* thread) = 0;
  // As Commit, on any thread, if it need not wait for anybody and has no housekeeping to do; else nothing is
  // done and nothing returned.
  virtual std::optional<Reply> TryCommit(Group* group) = 0;

  // Whether Save has something to do, which may take long.
  virtual bool HasUnsaved() const = 0;
  virtual void Save() = 0;
  // There was nothing to do for a while. Returns at once.
  virtual void Rest() = 0;
  virtual void Close() = 0;
};

class WriterThread : public std::enable_shared_from_this<WriterThread> {
 public:
  // A group has no more than `max_group_bytes`, unless a single batch has. `on_reply` is called, on any
  // thread, when there is a reply to take.
  WriterThread(std::unique_ptr<Committer> committer, size_t max_group_bytes, std::function<void()> on_reply);

  // Creates and opens the file; settled as a batch of its own, by kCommitted or kFailed.
  void Open();
  void Append(Batch batch);
  // As Append, for a thread that would block until there is the reply: if that can be had on this thread, it
  // is returned. If nothing is returned, it comes as after Append.
  std::optional<Reply> AppendOnThisThread(Batch batch);
  // The answer to the last kAsk: for each question, whether it is a duplicate; none if there was no memory
  // for it, and then the group fails.
  void Answer(std::vector<bool> duplicates);

  // The next reply, in order.
  std::optional<Reply> TakeReply();
  // Blocks until there is one; none after Close or Abandon.
  std::optional<Reply> WaitForReply();

  // From now on, nothing waits for the lock after `limit`; it is tried all the same. At the end of the
  // process.
  void LimitLockWaits(os::Clock::time_point limit);

  // Ends a wait for the lock, lets a commit that is past it finish, closes the file, and replies kClosed as
  // for one batch. What has not begun gets no reply.
  void Close() { End(true); }
  // As Close, but nobody waits for a reply. May be called more than once, and after Close.
  void Abandon() { End(false); }

  // For Committer::Commit, on the thread:

  bool IsClosing();

  // What a wait is to be interrupted by: `deadline`, Close, or LimitLockWaits.
  lock::Interrupt* InterruptAt(os::Clock::time_point deadline);

  // Lets JavaScript answer questions. If that takes longer than kMaxHold, `on_late` is called, which has to
  // let go of what others may be waiting for, and the wait goes on. Nothing: the writer is closing.
  std::optional<std::vector<bool>> Ask(std::vector<Question> questions, const std::function<void()>& on_late);

 private:
  // What is left to be done for a request when the mutex is released.
  struct Handover {
    bool must_wake = false;
    os::Error error;  // there is no thread
    size_t lost_batches = 0;
  };

  Handover WakeOrStart() REQUIRES(mutex_);
  void Finish(const Handover& handover) EXCLUDES(mutex_);
  os::Error Start() REQUIRES(mutex_);
  void End(bool tell) EXCLUDES(mutex_);
  void Run() EXCLUDES(mutex_);
  bool HasWork() const REQUIRES(mutex_) { return !batches_.empty() || opening_ || closing_; }
  void SpinForWork() REQUIRES(mutex_);
  void Gather() REQUIRES(mutex_);
  bool IsGathered() const REQUIRES(mutex_) { return gathering_.IsComplete() || awaited_ || closing_; }
  void ServeNext() REQUIRES(mutex_);
  void Send(Reply reply) EXCLUDES(mutex_);
  void SendServed(Reply reply, size_t lines) EXCLUDES(mutex_);
  void SendClosed() EXCLUDES(mutex_);

  const std::unique_ptr<Committer> committer_;  // used by the thread, by AppendOnThisThread while that has
                                                // nothing to do, or by End when it is gone
  const size_t max_group_bytes_;
  const std::function<void()> on_reply_;

  os::Mutex mutex_;
  os::Condition wake_;     // the thread, for batches, answers and the end
  os::Condition replied_;  // those in WaitForReply
  std::deque<Batch> batches_ GUARDED_BY(mutex_);
  std::deque<Reply> replies_ GUARDED_BY(mutex_);
  std::optional<std::vector<bool>> answer_ GUARDED_BY(mutex_);
  bool opening_ GUARDED_BY(mutex_) = false;
  bool running_ GUARDED_BY(mutex_) = false;
  bool spinning_ GUARDED_BY(mutex_) = false;
  bool serving_ GUARDED_BY(mutex_) = false;  // the committer is in use
  bool waits_for_more_ GUARDED_BY(mutex_) = false;
  bool awaited_ GUARDED_BY(mutex_) = false;  // somebody is in WaitForReply, and appends nothing meanwhile
  bool closing_ GUARDED_BY(mutex_) = false;
  bool tell_closed_ GUARDED_BY(mutex_) = false;
  std::atomic<bool> has_work_{false};  // for the thread while it spins
  unsigned fruitless_spins_ = 0;       // of the thread, in succession
  Gathering gathering_ GUARDED_BY(mutex_);
  lock::Interrupt interrupt_;
  os::Clock::time_point lock_deadline_ GUARDED_BY(mutex_) = os::kNever;  // of the last wait
  os::Clock::time_point lock_limit_ GUARDED_BY(mutex_) = os::kNever;
};

}  // namespace holdfast::append

#endif  // HOLDFAST_APPEND_WRITER_THREAD_H_
