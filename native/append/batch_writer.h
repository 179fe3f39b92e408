// The batch writer: lock, heal the tail, write, unlock, sync, acknowledge. One per open chronicle, on a
// thread of its own that exists while there is work.
//
// JavaScript hands over lines, and the thread takes all that are there as one group: one lock, one write, one
// sync. The critical section runs here and not in JavaScript, so that a blocked event loop never keeps the
// file locked. Where one group follows the other closely, the thread looks out for the next one before it
// sleeps.
//
// Deduplication is JavaScript's, but nearly all of it can be told apart from bytes: an id whose fingerprint
// is not in the index is new. Only where it is there, JavaScript is shown the line that holds it
// (Status::kAsk) and parses it. What others wrote is taken up before the lock is taken, and the rest under
// it; if that rest holds one of our ids, the lock is kept while JavaScript looks, but for a bounded time. If
// it answers later than that, we start afresh.
//
// Whoever finds the file empty, under the lock, syncs the directories above it before it writes the first
// byte; and whoever finds it with something in it, before it acknowledges its own first append.
#ifndef HOLDFAST_APPEND_BATCH_WRITER_H_
#define HOLDFAST_APPEND_BATCH_WRITER_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dedupe/id_finder.h"
#include "dedupe/known_events.h"
#include "files/rotation.h"
#include "lock/interrupt.h"
#include "lock/mechanism.h"
#include "os/file.h"

namespace holdfast::append {

struct Options {
  std::string path;
  std::chrono::milliseconds lock_timeout{2000};
  os::Durability durability = os::Durability::kData;
  std::string id_key;
  size_t window =
      0;  // how many of the last events are remembered; 0: no deduplication, dedupe::RecentIds::kAll
  uint64_t max_line_bytes = 0;
  files::Rotation rotation;
};

// Lines that are written only if the file ends at `end` then.
struct Condition {
  size_t first = 0;
  size_t count = 0;
  uint64_t end = 0;
};

// What one crossing from JavaScript brings.
struct Batch {
  std::string data;  // whole lines, each with its newline
  size_t lines = 0;
  std::vector<Condition> conditions;  // in order, without overlap
};

enum class Status {
  kAsk,          // JavaScript has to tell whether `questions` are duplicates; see Answer
  kCommitted,    // written at `start` and synced
  kLockTimeout,  // nothing written
  kFailed,       // `error`; nothing of it is in the file
  kUnknown,      // `error`; written, but the sync failed, or a failed write could not be cut off again
  kPoisoned,     // nothing written, because the outcome of a batch before is unknown
  kClosed,       // see Close
};

// A line of the group that may be in the file already, and the line there.
struct Question {
  size_t line = 0;
  uint64_t offset = 0;
  std::string text;
};

// A line that was not written, because the event stands at `offset`; in a rotated file where `path` is not
// empty.
struct Duplicate {
  size_t line = 0;
  uint64_t offset = 0;
  std::string path;
};

struct Reply {
  Status status = Status::kFailed;
  size_t batches = 0;  // how many it settles, from the oldest on; lines count through all of them
  os::Error error;
  os::FileId file;
  uint64_t start = 0;  // where the first line that was written stands
  uint64_t end = 0;    // the end of the file, after the group
  size_t written = 0;  // how many lines that are
  bool healed = false;
  bool rotated = false;
  size_t known_ids = 0;                // how many are remembered
  size_t known_bytes = 0;              // in bytes
  std::chrono::nanoseconds waited{0};  // for the lock
  std::chrono::nanoseconds synced{0};  // how long the sync took; 0: there was none
  std::vector<Question> questions;
  std::vector<Duplicate> duplicates;  // in order
  std::vector<size_t> conflicts;      // the first lines of those whose condition was not met, in order
};

class BatchWriter : public std::enable_shared_from_this<BatchWriter> {
 public:
  // `ready` is called, on any thread, when there is a reply to take.
  BatchWriter(Options options, std::function<void()> ready);

  // Creates and opens the file; settled as a batch of its own, by kCommitted or kFailed.
  void Open();
  void Append(Batch batch);
  // The answer to the last kAsk: for each question, whether it is a duplicate; none where there was no memory
  // for it, and then the group fails.
  void Answer(std::vector<bool> duplicates);

  // The next reply, in order. With `wait`, blocks until there is one; none only when closed.
  std::optional<Reply> Next(bool wait);

  // Ends a wait for the lock, lets a commit that is past it finish, and closes the file. What has not begun
  // gets no reply any more.
  // With `tell`, kClosed is replied when the file is closed and nothing of ours touches its directory any
  // more.
  void Close(bool tell);

 private:
  struct Line {
    std::string_view text;  // without newline
    std::string_view id;
    dedupe::Fingerprint fingerprint = 0;
    // What becomes of it.
    enum Fate { kNew, kCopyInFile, kCopyInGroup, kRefused } fate = kNew;
    uint64_t copy = 0;  // the position, or the index of the line
  };

  struct Group {
    size_t batches = 0;
    std::string data;
    std::vector<Line> lines;
    std::vector<Condition> conditions;
    std::vector<size_t> conflicts;
    // The positions of events that JavaScript has seen to have these ids.
    std::unordered_map<dedupe::Fingerprint, dedupe::Position> copies;
    size_t new_lines = 0;
    size_t new_bytes = 0;
  };

  void Start(std::unique_lock<std::mutex>& guard);
  void Run();
  void LookOut(std::unique_lock<std::mutex>& guard);
  bool HasWork() const { return !batches_.empty() || opening_ || closing_; }
  void TakeGroup(Group* group);
  void Send(Reply reply);
  static Reply Closed();
  Reply OpenHere();
  Reply CommitHere(Group* group);
  os::Error LockCurrentFile(Reply* reply);
  std::vector<size_t> Judge(Group* group, uint64_t size);
  os::Error Ask(const std::vector<size_t>& unsure, Group* group);
  bool IsClosing();
  os::Error RotateHere();
  os::Error Write(const Group& group, uint64_t size, Reply* reply);
  void Report(const Group& group, Reply* reply);
  os::Error OpenRotated(const Group& group, std::vector<os::File>* out);
  os::Error SyncAcknowledged(const Group& group, const std::vector<os::File>& rotated, Reply* reply);
  Reply FailedForMemory();
  void Unlock();

  const Options options_;
  const std::function<void()> ready_;
  const dedupe::IdFinder id_finder_;

  std::mutex mutex_;
  std::condition_variable wake_;     // the thread, for batches, answers and the end
  std::condition_variable replied_;  // who blocks in Next
  std::deque<Batch> batches_;
  std::deque<Reply> replies_;
  std::optional<std::vector<bool>> answer_;
  bool opening_ = false;
  bool running_ = false;
  bool looking_out_ = false;
  std::atomic<bool> called_{false};  // there is something to do, for who looks out
  bool closing_ = false;
  bool tell_closed_ = false;
  lock::Interrupt interrupt_;

  // Touched by the writer's thread only.
  unsigned in_vain_ = 0;  // how often in succession nothing came while it looked out
  os::File file_;
  os::FileId file_id_;
  bool directory_synced_ = false;
  bool locked_ = false;
  bool poisoned_ = false;
  bool writing_ = false;  // lines of the group may be in the file
  uint64_t synced_end_ = 0;
  dedupe::KnownEvents known_;
};

}  // namespace holdfast::append

#endif  // HOLDFAST_APPEND_BATCH_WRITER_H_
