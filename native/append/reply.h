// What the batch writer says to JavaScript.
#ifndef HOLDFAST_APPEND_REPLY_H_
#define HOLDFAST_APPEND_REPLY_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "append/judge.h"
#include "chain/chain.h"
#include "files/housekeeping.h"
#include "os/file.h"

namespace holdfast::append {

enum class Status {
  kAsk,          // JavaScript has to tell whether `questions` are duplicates; see WriterThread::Answer
  kCommitted,    // written from `start` on, and synced
  kLockTimeout,  // nothing written
  kFailed,       // `error`; nothing of it is in the file
  kUnknown,      // `error`; written, but the sync failed, or a failed write could not be cut off again
  kPoisoned,     // nothing written, because the outcome of an earlier batch is unknown, for this `error`
  kClosed,       // the file is closed, and nothing of ours touches its directory any more
  kRefused,      // nothing written; `refusal` says why
  kFenced,       // nothing written, because the lock was given to somebody else after the token of the group
};

// A line of the group that may be in the file already, and the line there.
struct Question {
  size_t line = 0;
  uint64_t offset = 0;
  std::string text;
};

// Of a duplicate of an event in a rotated file: the path of that file.
struct RotatedPath {
  size_t line = 0;
  std::string path;
};

struct Reply {
  Status status = Status::kFailed;
  // How many batches it settles, from the oldest on. Lines are numbered through all of them.
  size_t batches = 0;
  os::Error error;
  chain::Refusal refusal = chain::Refusal::kNone;
  std::vector<Question> questions;

  // After kCommitted. The offsets of the lines are those in the file that has the event; those of kConflict,
  // and their lengths, have no meaning.
  std::vector<LineVerdict> lines;
  std::vector<RotatedPath> rotated_paths;  // in order
  size_t written = 0;                      // how many lines
  size_t duplicates = 0;
  uint64_t start = 0;  // where the first line that was written begins
  uint64_t end = 0;    // of the file, after the group
  bool healed = false;
  bool rotated = false;
  size_t known_ids = 0;    // how many ids deduplication remembers
  size_t known_bytes = 0;  // in how much memory

  std::vector<files::Problem> problems;  // of housekeeping, whatever the status

  std::chrono::nanoseconds waited{0};  // for the lock
  std::chrono::nanoseconds synced{0};  // how long the sync took; 0: there was none
};

}  // namespace holdfast::append

#endif  // HOLDFAST_APPEND_REPLY_H_
