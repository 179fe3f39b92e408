#include "append/batch_writer.h"

#include <errno.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "append/id_search.h"
#include "lock/held_lock.h"
#include "os/thread_pool.h"

namespace holdfast::append {
namespace {

// How long the lock is kept while JavaScript looks at what others wrote. Long enough for a busy event loop to
// come round, short enough that a blocked one harms nobody.
constexpr auto kLongestHold = std::chrono::milliseconds(50);

// More than this is not looked at under the lock.
constexpr uint64_t kMostForeignBytes = uint64_t{1} << 20;

// Enough to hold the id at the end of a line.
constexpr uint64_t kMarkBytes = 96;

}  // namespace

void BatchWriter::Open(Done done) {
  Start(Job{std::nullopt, std::move(done)});
}

void BatchWriter::Commit(Batch batch, Done done) {
  Start(Job{std::move(batch), std::move(done)});
}

void BatchWriter::Start(Job job) {
  std::unique_lock guard(mutex_);
  job_ = std::move(job);
  if (running_) {
    guard.unlock();  // or the thread would wake only to wait for it
    wake_.notify_one();
    return;
  }
  const os::Error error = os::RunOnHelperThread([self = shared_from_this()] { self->Run(); });
  running_ = !error;
  if (!error) return;
  Job failed = *std::exchange(job_, std::nullopt);
  guard.unlock();
  Result result;
  result.error = error;
  failed.done(std::move(result));
}

void BatchWriter::Close() {
  std::lock_guard guard(mutex_);
  closing_ = true;
  interrupt_.Now();
  if (running_) {
    wake_.notify_one();
  } else {
    file_.Close();
  }
}

void BatchWriter::Run() {
  std::unique_lock guard(mutex_);
  while (!closing_) {
    const bool found = wake_.wait_for(guard, locked_ ? kLongestHold : std::chrono::milliseconds(1000),
                                      [this] { return job_.has_value() || closing_; });
    if (closing_) break;
    if (!found && locked_) {
      Unlock();
      continue;
    }
    if (!found) {
      running_ = false;
      return;
    }
    Job job = *std::exchange(job_, std::nullopt);
    guard.unlock();
    Result result = Execute(job);
    job.done(std::move(result));
    job.done = nullptr;
    guard.lock();
  }
  running_ = false;
  job_.reset();
  Unlock();
  file_.Close();
}

Result BatchWriter::Execute(const Job& job) {
  if (job.batch) return CommitHere(*job.batch);
  Result result;
  if (!file_.is_open()) {
    result.error = os::File::OpenForAppend(options_.path, &file_);
    if (!result.error) result.error = file_.Id(&file_id_);
  }
  result.status = result.error ? Status::kFailed : Status::kCommitted;
  result.file = file_id_;
  return result;
}

Result BatchWriter::CommitHere(const Batch& batch) {
  Result result;
  const auto fail = [&](os::Error error) {
    Unlock();
    result.status = Status::kFailed;
    result.error = error;
    return std::move(result);
  };

  if (!locked_) {
    const os::Error error = LockCurrentFile(&result);
    result.file = file_id_;
    if (result.status == Status::kLockTimeout) return result;
    if (error) return fail(error);
  }
  result.file = file_id_;
  uint64_t size = 0;
  if (os::Error error = file_.Size(&size)) return fail(error);
  result.start = result.end = size;

  if (batch.dedupe) {
    if (batch.file != file_id_ || size < batch.seen_end || size - batch.seen_end > kMostForeignBytes ||
        !IsMarked(batch.seen_end)) {
      if (os::Error error = Mark(size)) return fail(error);
      Unlock();
      result.status = Status::kReload;
      return result;
    }
    result.foreign.resize(static_cast<size_t>(size - batch.seen_end));
    if (os::Error error = file_.ReadAt(batch.seen_end, result.foreign.data(), result.foreign.size())) {
      return fail(error);
    }
    const std::string_view foreign(result.foreign.data(), result.foreign.size());
    if (!foreign.empty() && (!batch.ids_exact || MayContainAny(foreign, batch.ids))) {
      if (os::Error error = Mark(size)) return fail(error);
      result.status = Status::kBehind;  // and the lock stays, until the next commit or kLongestHold
      return result;
    }
  }

  if (!batch.data.empty()) {
    if (os::Error error = Write(batch, size, &result)) {
      Unlock();
      result.error = error;
      return result;
    }
  }
  if (batch.dedupe) {
    MarkWritten(batch.data, result.end);
  }
  // Before the sync, so that other processes write while we sync, and sync side by side with us (Aether, VLDB
  // 2010). The order of the lines is fixed by the write; the acknowledgement waits for the sync.
  Unlock();
  if (!batch.data.empty() || batch.must_sync) {
    os::Error error = file_.Sync(options_.durability);
    if (!error && !directory_synced_ && options_.durability != os::Durability::kNone) {
      // With all directories above it: who wrote the first byte may have synced nothing (kNone, or `echo`).
      error = os::SyncDirectory(options_.path, true);
      directory_synced_ = !error;
    }
    if (error) {
      result.status = Status::kUnknown;
      result.error = error;
      return result;
    }
  }
  result.status = Status::kCommitted;
  return result;
}

// Locks the file that the path names, opening (and creating) it where the one that is open is not it any
// more.
os::Error BatchWriter::LockCurrentFile(Result* result) {
  const auto began = lock::Clock::now();
  for (;;) {
    if (!file_.is_open()) {
      if (os::Error error = os::File::OpenForAppend(options_.path, &file_)) return error;
      if (os::Error error = file_.Id(&file_id_)) return error;
      directory_synced_ = false;
    }
    os::Error error;
    lock::Attempt attempt = lock::kFlock.try_lock(file_, lock::Spec{}, &error);
    if (attempt == lock::Attempt::kBusy) {
      {
        std::lock_guard guard(mutex_);
        if (!closing_) interrupt_.At(began + options_.lock_timeout);
      }
      while (!interrupt_.Due()) {
        attempt = interrupt_.Wait(&file_, lock::Opened::kForAppend, lock::Spec{}, &error);
        if (attempt != lock::Attempt::kInterrupted) break;
      }
    }
    result->waited = std::chrono::duration_cast<std::chrono::milliseconds>(lock::Clock::now() - began);
    if (attempt == lock::Attempt::kFailed) return error;
    if (attempt != lock::Attempt::kGranted) {
      result->status = Status::kLockTimeout;
      return {};
    }
    locked_ = true;
    bool still = false;
    if (os::Error failed = lock::StillNames(options_.path, file_id_, &still)) return failed;
    if (still) return {};
    Unlock();
    file_.Close();
  }
}

// Writes the batch at the end of the file, which is at `size`. When this fails, the file ends at `size`
// again.
os::Error BatchWriter::Write(const Batch& batch, uint64_t size, Result* result) {
  result->status = Status::kFailed;
  if (size == 0 && options_.durability != os::Durability::kNone) {
    if (os::Error error = os::SyncDirectory(options_.path, true)) return error;
    directory_synced_ = true;
  }
  // A tail without newline is what a writer left that died in the middle, or somebody's `echo -n`. Closed
  // with a newline it costs one line, which readers skip unless it is whole; left open it would cost our
  // first record too.
  char last = '\n';
  if (size > 0) {
    if (os::Error error = file_.ReadAt(size - 1, &last, 1)) return error;
  }
  result->healed = last != '\n';
  const size_t heal = result->healed ? 1 : 0;
  const os::Error error = file_.Append("\n", heal, batch.data.data(), batch.data.size());
  if (!error) {
    result->start = size + heal;
    result->end = result->start + batch.data.size();
    return {};
  }
  // A part of the batch may stand in the file. Its callers are told that it failed, so it must go.
  if (file_.Truncate(size)) result->status = Status::kUnknown;
  return error;
}

// Remembers the bytes before `end`.
os::Error BatchWriter::Mark(uint64_t end) {
  mark_.resize(static_cast<size_t>(std::min(end, kMarkBytes)));
  marked_end_ = end;
  return file_.ReadAt(end - mark_.size(), mark_.data(), mark_.size());
}

// The same, from what was just written there. That stays written, whatever becomes of the mark: without it,
// the file is looked at afresh.
void BatchWriter::MarkWritten(const std::string& data, uint64_t end) {
  if (data.size() >= kMarkBytes) {
    mark_ = data.substr(data.size() - kMarkBytes);
    marked_end_ = end;
  } else if (Mark(end)) {
    mark_.clear();
    marked_end_ = 0;
  }
}

bool BatchWriter::IsMarked(uint64_t end) const {
  std::string now(mark_.size(), '\0');
  return end == marked_end_ && !file_.ReadAt(end - now.size(), now.data(), now.size()) && now == mark_;
}

void BatchWriter::Unlock() {
  if (locked_) lock::kFlock.unlock(file_, lock::Spec{});
  locked_ = false;
}

}  // namespace holdfast::append
