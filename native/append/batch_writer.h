// The batch writer: lock, heal the tail, write, unlock, sync, acknowledge. One per open chronicle, on a
// thread of its own that exists while there is work.
//
// The critical section runs here and not in JavaScript, so that a blocked event loop never keeps the file
// locked. What only JavaScript can decide (is an event of this batch already in the lines that another
// process wrote since we looked?) is asked for in two steps: Commit answers kBehind with those lines and
// keeps the lock for a bounded time; the next Commit, with what is left of the batch, continues under it. If
// it comes later than that, it starts afresh.
//
// Whoever finds the file empty, under the lock, syncs the directories above it before it writes the first
// byte; and whoever finds it with something in it, before it acknowledges its own first append.
#ifndef HOLDFAST_APPEND_BATCH_WRITER_H_
#define HOLDFAST_APPEND_BATCH_WRITER_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "lock/interrupt.h"
#include "lock/mechanism.h"
#include "os/file.h"

namespace holdfast::append {

struct Options {
  std::string path;
  std::chrono::milliseconds lock_timeout{2000};
  os::Durability durability = os::Durability::kData;
};

struct Batch {
  std::string data;       // whole lines, each with its newline
  std::string ids;        // see id_search.h
  bool ids_exact = true;  // false: the ids hold signs that JSON can write in several ways; never decide here
  bool dedupe = false;    // false: what others wrote does not matter, and the next three are not used
  os::FileId file;        // the file that JavaScript has looked at, and
  uint64_t seen_end = 0;  // how far
  bool must_sync =
      false;  // sync although nothing is written: a duplicate may be acknowledged only when it is durable
};

enum class Status {
  kCommitted,  // written at `start` and synced
  kBehind,     // nothing written; `foreign` is what stands between seen_end and `end`
  kReload,     // nothing written; another file, or too much was written since: look at it afresh up to `end`
  kLockTimeout,  // nothing written
  kFailed,       // `error`; nothing of it is in the file
  kUnknown,      // `error`; written, but the sync failed, or a failed write could not be cut off again
};

struct Result {
  Status status = Status::kFailed;
  os::Error error;
  os::FileId file;
  uint64_t start = 0;  // where the first byte of the batch's data stands
  uint64_t end = 0;    // the end of the file under the lock, after the batch
  bool healed = false;
  std::chrono::milliseconds waited{0};  // for the lock
  std::vector<char> foreign;            // from seen_end on, written by others; also with kCommitted
};

class BatchWriter : public std::enable_shared_from_this<BatchWriter> {
 public:
  using Done = std::function<void(Result)>;

  explicit BatchWriter(Options options) : options_(std::move(options)) {}

  // Creates and opens the file; `done` gets kCommitted or kFailed. One call of these two at a time.
  void Open(Done done);
  void Commit(Batch batch, Done done);

  // Ends a wait for the lock, lets a commit that is past it finish, and closes the file. `done` of a commit
  // that has not begun is not called any more.
  void Close();

 private:
  struct Job {
    std::optional<Batch> batch;  // none: only open
    Done done;
  };

  void Start(Job job);
  void Run();
  Result Execute(const Job& job);
  Result CommitHere(const Batch& batch);
  os::Error LockCurrentFile(Result* result);
  os::Error Write(const Batch& batch, uint64_t size, Result* result);
  os::Error Mark(uint64_t end);
  void MarkWritten(const std::string& data, uint64_t end);
  bool IsMarked(uint64_t end) const;
  void Unlock();

  const Options options_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<Job> job_;
  bool running_ = false;
  bool closing_ = false;
  lock::Interrupt interrupt_;

  // Touched by the writer's thread only.
  os::File file_;
  os::FileId file_id_;
  bool directory_synced_ = false;
  bool locked_ = false;
  // The last bytes before the place up to which JavaScript knows the file. If the file was truncated and has
  // grown again beyond that place (logrotate's copytruncate), neither its identity nor its size tells; these
  // bytes do.
  uint64_t marked_end_ = 0;
  std::string mark_;
};

}  // namespace holdfast::append

#endif  // HOLDFAST_APPEND_BATCH_WRITER_H_
