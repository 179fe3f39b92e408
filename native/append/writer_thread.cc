#include "append/writer_thread.h"

#include <errno.h>

#include <algorithm>
#include <cassert>
#include <new>
#include <thread>
#include <utility>

#include "os/thread_pool.h"

namespace holdfast::append {
namespace {

// How long the lock may be kept while JavaScript answers. Long enough for a busy event loop to come round,
// short enough that a blocked one harms nobody.
constexpr auto kMaxHold = std::chrono::milliseconds(50);

// Waking a sleeping thread costs both sides tens of microseconds, a large part of a sync. So the thread spins
// this long for the next group before it sleeps.
constexpr auto kMaxSpin = std::chrono::microseconds(100);

// After this many spins without work, appends come too seldom: then it spins only each so many times.
constexpr unsigned kMaxFruitlessSpins = 16;

// How long the thread stays when there is nothing to do.
constexpr auto kLinger = std::chrono::seconds(1);

[[maybe_unused]] bool Failed(Status status) {
  return status == Status::kFailed || status == Status::kUnknown || status == Status::kPoisoned;
}

}  // namespace

WriterThread::WriterThread(std::unique_ptr<Committer> committer, size_t max_group_bytes,
                           std::function<void()> on_reply)
    : committer_(std::move(committer)), max_group_bytes_(max_group_bytes), on_reply_(std::move(on_reply)) {}

void WriterThread::Open() {
  Handover handover;
  {
    os::MutexLock lock(mutex_);
    opening_ = true;
    handover = WakeOrStart();
  }
  Finish(handover);
}

void WriterThread::Append(Batch batch) {
  Handover handover;
  {
    os::MutexLock lock(mutex_);
    const size_t lines = batch.lines;
    batches_.push_back(std::move(batch));
    gathering_.Came(lines, os::Clock::now());
    handover = WakeOrStart();
  }
  Finish(handover);
}

std::optional<Reply> WriterThread::AppendOnThisThread(Batch batch) {
  bool is_idle;
  {
    os::MutexLock lock(mutex_);
    is_idle = !serving_ && !HasWork() && replies_.empty();
    serving_ = serving_ || is_idle;
  }
  std::optional<Reply> reply;
  if (is_idle) {
    Group group;
    group.Add(&batch);
    reply = committer_->TryCommit(&group);
    if (reply) reply->batches = 1;
    if (!reply) batch = group.TakeBack();
    os::MutexLock lock(mutex_);
    serving_ = false;
  }
  if (!reply) Append(std::move(batch));
  return reply;
}

void WriterThread::Answer(std::vector<bool> duplicates) {
  Handover handover;
  {
    os::MutexLock lock(mutex_);
    answer_ = std::move(duplicates);
    handover = WakeOrStart();
  }
  Finish(handover);
}

WriterThread::Handover WriterThread::WakeOrStart() {
  Handover handover;
  if (running_) {
    has_work_ = true;
    handover.must_wake = !spinning_ && !(waits_for_more_ && !IsGathered());
    return handover;
  }
  if (closing_) return handover;
  handover.error = Start();
  if (handover.error) {
    handover.lost_batches = batches_.size() + (opening_ ? 1 : 0);
    batches_.clear();
    opening_ = false;
  }
  return handover;
}

// Not under the mutex, or the thread would wake only to wait for it.
void WriterThread::Finish(const Handover& handover) {
  if (handover.must_wake) wake_.NotifyOne();
  if (!handover.error) return;
  Reply reply;
  reply.error = handover.error;
  reply.batches = handover.lost_batches;
  Send(std::move(reply));
}

os::Error WriterThread::Start() {
  os::Error error;
  try {
    error = os::RunOnHelperThread([self = shared_from_this()] { self->Run(); });
  } catch (const std::bad_alloc&) {
    error = {ENOMEM, "pthread_create"};
  }
  running_ = !error;
  return error;
}

std::optional<Reply> WriterThread::TakeReply() {
  os::MutexLock lock(mutex_);
  if (replies_.empty()) return std::nullopt;
  Reply reply = std::move(replies_.front());
  replies_.pop_front();
  return reply;
}

std::optional<Reply> WriterThread::WaitForReply() {
  {
    os::MutexLock lock(mutex_);
    awaited_ = true;
    if (waits_for_more_) wake_.NotifyOne();
    replied_.Wait(mutex_, [this]() REQUIRES(mutex_) { return !replies_.empty() || closing_; });
    awaited_ = false;
  }
  return TakeReply();
}

void WriterThread::Send(Reply reply) {
  assert(Failed(reply.status) == static_cast<bool>(reply.error));
  {
    os::MutexLock lock(mutex_);
    replies_.push_back(std::move(reply));
  }
  replied_.NotifyOne();
  on_reply_();
}

void WriterThread::End(bool tell) {
  {
    os::MutexLock lock(mutex_);
    closing_ = true;
    tell_closed_ = tell;
    interrupt_.Now();
    replied_.NotifyAll();
    // What is left to be saved is not saved on the caller's thread, or not at all.
    if (!running_ && committer_->HasUnsaved()) Start();
    if (running_) {
      wake_.NotifyOne();
      return;
    }
    committer_->Close();
  }
  if (tell) SendClosed();
}

void WriterThread::SendClosed() {
  Reply reply;
  reply.status = Status::kClosed;
  reply.batches = 1;
  Send(std::move(reply));
}

void WriterThread::Run() {
  bool tell = false;
  {
    os::MutexLock lock(mutex_);
    for (;;) {
      if (!HasWork()) SpinForWork();
      const auto has_work = [this]() REQUIRES(mutex_) { return HasWork(); };
      const bool found = wake_.WaitFor(mutex_, kLinger, has_work);
      if (closing_) break;
      if (!found) {
        if (serving_) continue;  // on another thread, see AppendOnThisThread
        committer_->Rest();
        running_ = false;
        return;
      }
      Gather();
      if (closing_) break;
      ServeNext();
    }
    batches_.clear();
    {
      os::MutexUnlock unlock(mutex_);
      committer_->Save();
      committer_->Close();
    }
    running_ = false;
    tell = tell_closed_;
  }
  if (tell) SendClosed();
}

// Waits without sleeping, and lets everybody else run who wants to.
void WriterThread::SpinForWork() {
  if (fruitless_spins_ >= kMaxFruitlessSpins && fruitless_spins_++ % kMaxFruitlessSpins != 0) return;
  spinning_ = true;
  has_work_ = false;
  {
    os::MutexUnlock unlock(mutex_);
    const auto until = os::Clock::now() + kMaxSpin;
    while (!has_work_ && os::Clock::now() < until) std::this_thread::yield();
  }
  spinning_ = false;
  fruitless_spins_ = HasWork() ? 0 : fruitless_spins_ + 1;
}

// Waits for more, if that pays.
void WriterThread::Gather() {
  if (opening_ || IsGathered()) return;
  waits_for_more_ = true;
  const auto is_gathered = [this]() REQUIRES(mutex_) { return IsGathered(); };
  if (!wake_.WaitFor(mutex_, gathering_.limit() - os::Clock::now(), is_gathered)) gathering_.WasInVain();
  waits_for_more_ = false;
}

void WriterThread::ServeNext() {
  Group group;
  Reply reply;
  const bool opening = std::exchange(opening_, false);
  try {
    if (!opening) TakeGroup(&batches_, max_group_bytes_, &group);
  } catch (const std::bad_alloc&) {
    if (group.batches == 0) batches_.pop_front();
    reply.error = {ENOMEM, "write"};
  }
  serving_ = true;
  os::MutexUnlock unlock(mutex_);
  if (!reply.error) reply = opening ? committer_->Open() : committer_->Commit(&group, this);
  reply.batches = std::max<size_t>(group.batches, 1);
  SendServed(std::move(reply), group.line_count);
}

// Whoever is told by it may come back at once, and finds what is known by then.
void WriterThread::SendServed(Reply reply, size_t lines) {
  {
    os::MutexLock lock(mutex_);
    serving_ = false;
    gathering_.Acknowledged(lines, reply.synced, os::Clock::now());
  }
  Send(std::move(reply));
}

bool WriterThread::IsClosing() {
  os::MutexLock lock(mutex_);
  return closing_;
}

lock::Interrupt* WriterThread::InterruptAt(os::Clock::time_point deadline) {
  os::MutexLock lock(mutex_);
  lock_deadline_ = deadline;
  if (!closing_) interrupt_.At(std::min(deadline, lock_limit_));
  return &interrupt_;
}

void WriterThread::LimitLockWaits(os::Clock::time_point limit) {
  os::MutexLock lock(mutex_);
  lock_limit_ = limit;
  if (!closing_) interrupt_.At(std::min(lock_deadline_, limit));
}

std::optional<std::vector<bool>> WriterThread::Ask(std::vector<Question> questions,
                                                   const std::function<void()>& on_late) {
  Reply reply;
  reply.status = Status::kAsk;
  reply.questions = std::move(questions);
  Send(std::move(reply));

  os::MutexLock lock(mutex_);
  const auto answered = [this]() REQUIRES(mutex_) { return answer_.has_value() || closing_; };
  if (!wake_.WaitFor(mutex_, kMaxHold, answered)) {
    {
      os::MutexUnlock unlock(mutex_);
      on_late();
    }
    wake_.Wait(mutex_, answered);
  }
  if (closing_) return std::nullopt;
  return std::exchange(answer_, std::nullopt);
}

}  // namespace holdfast::append
