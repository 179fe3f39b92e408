#include "append/batch_writer.h"

#include <errno.h>

#include <algorithm>
#include <set>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "lock/named_file.h"
#include "os/clock.h"
#include "os/directory.h"
#include "os/thread_pool.h"

namespace holdfast::append {
namespace {

// How long the lock is kept while JavaScript looks at what others wrote. Long enough for a busy event loop to
// come round, short enough that a blocked one harms nobody.
constexpr auto kLongestHold = std::chrono::milliseconds(50);

// More than this is not looked at under the lock.
constexpr uint64_t kMaxUnderLock = uint64_t{1} << 20;

// A group takes no further batch once it has so many bytes.
constexpr size_t kMaxGroupBytes = size_t{4} << 20;

// How often a file is looked at afresh for one commit, because it is truncated again and again while it is
// read.
constexpr int kMaxLooks = 8;

// "Not judged yet", as a number of events.
constexpr uint64_t kNever = UINT64_MAX;

// To wake a thread takes some tens of microseconds, of both sides, which is a good part of a sync. So long
// the thread looks out for the next group before it sleeps.
constexpr auto kLookOut = std::chrono::microseconds(100);

// After so many times in vain, appends come too seldom: then it looks out only now and then.
constexpr unsigned kMaxInVain = 16;

// How long the thread stays when there is nothing to do.
constexpr auto kLinger = std::chrono::seconds(1);

std::chrono::nanoseconds Since(os::Clock::time_point began) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(os::Clock::now() - began);
}

}  // namespace

BatchWriter::BatchWriter(Options options, std::function<void()> ready)
    : options_(std::move(options)),
      ready_(std::move(ready)),
      id_finder_(options_.id_key),
      known_(options_.path, id_finder_,
             {options_.window, options_.max_line_bytes, options_.rotation.is_on()}) {}

void BatchWriter::Open() {
  std::unique_lock guard(mutex_);
  opening_ = true;
  Start(guard);
}

void BatchWriter::Append(Batch batch) {
  std::unique_lock guard(mutex_);
  batches_.push_back(std::move(batch));
  Start(guard);
}

void BatchWriter::Answer(std::vector<bool> duplicates) {
  std::unique_lock guard(mutex_);
  answer_ = std::move(duplicates);
  Start(guard);
}

// Wakes the thread, or starts one.
void BatchWriter::Start(std::unique_lock<std::mutex>& guard) {
  if (running_) {
    called_ = true;
    const bool sleeps = !looking_out_;
    guard.unlock();  // or the thread would wake only to wait for it
    if (sleeps) wake_.notify_one();
    return;
  }
  os::Error error;
  try {
    error = os::RunOnHelperThread([self = shared_from_this()] { self->Run(); });
  } catch (const std::bad_alloc&) {
    error = {ENOMEM, "pthread_create"};
  }
  running_ = !error;
  if (!error) return;
  Reply reply;
  reply.error = error;
  reply.batches = batches_.size() + (opening_ ? 1 : 0);
  batches_.clear();
  opening_ = false;
  guard.unlock();
  Send(std::move(reply));
}

std::optional<Reply> BatchWriter::Next(bool wait) {
  std::unique_lock guard(mutex_);
  if (wait) replied_.wait(guard, [this] { return !replies_.empty() || closing_; });
  if (replies_.empty()) return std::nullopt;
  Reply reply = std::move(replies_.front());
  replies_.pop_front();
  return reply;
}

void BatchWriter::Send(Reply reply) {
  {
    std::lock_guard guard(mutex_);
    replies_.push_back(std::move(reply));
  }
  replied_.notify_one();
  ready_();
}

void BatchWriter::Close(bool tell) {
  std::unique_lock guard(mutex_);
  closing_ = true;
  tell_closed_ = tell;
  interrupt_.Now();
  replied_.notify_all();
  if (running_) {
    wake_.notify_one();
  } else if (file_.is_open() && known_.recent_ids().window() == dedupe::RecentIds::kAll) {
    // What is left to be saved is not saved on the caller's thread.
    running_ = !os::RunOnHelperThread([self = shared_from_this()] { self->Run(); });
  }
  if (running_) return;
  file_.Close();
  guard.unlock();
  if (tell) Send(Closed());
}

Reply BatchWriter::Closed() {
  Reply reply;
  reply.status = Status::kClosed;
  reply.batches = 1;
  return reply;
}

void BatchWriter::Run() {
  std::unique_lock guard(mutex_);
  for (;;) {
    if (!HasWork()) LookOut(guard);
    const bool found = wake_.wait_for(guard, kLinger, [this] { return HasWork(); });
    if (closing_) break;
    if (!found) {
      running_ = false;
      return;
    }
    Group group;
    const bool open = std::exchange(opening_, false);
    Reply reply;
    writing_ = false;
    try {
      if (!open) TakeGroup(&group);
      guard.unlock();
      reply = open ? OpenHere() : CommitHere(&group);
    } catch (const std::bad_alloc&) {
      if (guard.owns_lock()) {
        if (group.batches == 0) batches_.pop_front();
        guard.unlock();
      }
      reply = FailedForMemory();
    }
    reply.batches = open ? 1 : std::max<size_t>(group.batches, 1);
    Send(std::move(reply));
    guard.lock();
  }
  batches_.clear();
  guard.unlock();
  Unlock();
  if (file_.is_open()) known_.Save(file_);
  file_.Close();
  guard.lock();
  running_ = false;  // from here on Close may touch what is ours
  const bool tell = tell_closed_;
  guard.unlock();
  if (tell) Send(Closed());
}

// Waits without sleeping, and lets everybody else run who wants to.
void BatchWriter::LookOut(std::unique_lock<std::mutex>& guard) {
  if (in_vain_ >= kMaxInVain && in_vain_++ % kMaxInVain != 0) return;
  looking_out_ = true;
  called_ = false;
  guard.unlock();
  const auto until = os::Clock::now() + kLookOut;
  while (!called_ && os::Clock::now() < until) std::this_thread::yield();
  guard.lock();
  looking_out_ = false;
  in_vain_ = HasWork() ? 0 : in_vain_ + 1;
}

// Takes what is there, up to a bound, as one group.
void BatchWriter::TakeGroup(Group* group) {
  size_t lines = 0, bytes = 0;
  const size_t most =
      options_.rotation.max_bytes == 0
          ? kMaxGroupBytes
          : static_cast<size_t>(std::min<uint64_t>(kMaxGroupBytes, options_.rotation.max_bytes));
  while (!batches_.empty()) {
    Batch& batch = batches_.front();
    if (group->batches > 0 && bytes + batch.data.size() > most) break;
    for (Condition condition : batch.conditions) {
      condition.first += lines;
      group->conditions.push_back(condition);
    }
    if (group->data.empty()) {
      group->data = std::move(batch.data);
    } else {
      group->data += batch.data;
    }
    bytes = group->data.size();
    lines += batch.lines;
    group->batches++;
    batches_.pop_front();
  }
  group->lines.reserve(lines);
  for (std::string_view rest = group->data; !rest.empty();) {
    const size_t length = rest.find('\n');
    Line line;
    line.text = rest.substr(0, length);
    group->lines.push_back(line);
    rest.remove_prefix(length + 1);
  }
}

// There was no memory for a commit. What it put into the file is not remembered; where that is anything, its
// outcome is unknown, as after a failed sync.
Reply BatchWriter::FailedForMemory() {
  Unlock();
  known_.Forget();
  Reply reply;
  reply.error = {ENOMEM, "write"};
  reply.file = file_id_;
  poisoned_ = poisoned_ || writing_;
  if (writing_) reply.status = Status::kUnknown;
  return reply;
}

Reply BatchWriter::OpenHere() {
  Reply reply;
  if (!file_.is_open()) {
    reply.error = lock::OpenForAppend(options_.path, &file_, &file_id_);
  }
  reply.status = reply.error ? Status::kFailed : Status::kCommitted;
  reply.file = file_id_;
  return reply;
}

Reply BatchWriter::CommitHere(Group* group) {
  Reply reply;
  const auto fail = [&](os::Error error) {
    Unlock();
    reply.status = Status::kFailed;
    reply.error = error;
    reply.file = file_id_;
    return std::move(reply);
  };
  if (poisoned_) {
    reply.status = Status::kPoisoned;
    return reply;
  }
  if (known_.is_on()) {
    size_t ahead = 0;
    for (Line& line : group->lines) {
      line.id = id_finder_.Find(line.text);
      line.fingerprint = id_finder_.FingerprintOf(line.id);
      known_.Prefetch(line.fingerprint, ahead++);
    }
  }

  uint64_t size = 0;
  // How many events were known when the group was last judged; none of that counts when the file was looked
  // at afresh.
  uint64_t judged = kNever;
  int looks = 0;
  for (;;) {
    if (IsClosing()) return reply;
    if (!locked_) {
      // What can be done before the lock is taken is not done under it. If something goes wrong here, it will
      // there.
      if (known_.is_on() && file_.is_open() && !file_.Size(&size)) {
        const bool grown = size != known_.end();
        if (!grown || (known_.IsOf(file_, file_id_, size) &&
                       !known_.CatchUp(file_, size, dedupe::Tail::kLeaveUnfinished))) {
          const std::vector<size_t> unsure = Judge(group, size);
          if (!unsure.empty()) {
            if (os::Error error = Ask(unsure, group)) return fail(error);
            continue;
          }
          judged = known_.recent_ids().count();
        }
      }
      const os::Error error = LockCurrentFile(&reply);
      reply.file = file_id_;
      if (reply.status == Status::kLockTimeout) return reply;
      if (error) return fail(error);
    }
    if (os::Error error = file_.Size(&size)) return fail(error);
    if (known_.is_on()) {
      const bool is_known = known_.IsOf(file_, file_id_, size);
      // A long tail without newline stays long however often it is looked at: then it is, under the lock.
      if (!is_known || (size - known_.end() > kMaxUnderLock && looks < kMaxLooks)) {
        looks++;
        Unlock();
        if (!is_known) {
          synced_end_ = 0;
          judged = kNever;
          group->copies.clear();
        }
        const os::Error error = is_known ? known_.CatchUp(file_, size, dedupe::Tail::kLeaveUnfinished)
                                         : known_.Load(file_, file_id_, size);
        // EIO may mean that the file was truncated while it was read; the next look shows it as it is now.
        if (error && (error.number != EIO || looks >= kMaxLooks)) return fail(error);
        continue;
      }
      if (os::Error error = known_.CatchUp(file_, size, dedupe::Tail::kIncludeUnfinished)) return fail(error);
    }
    // What was judged before the lock was taken still holds if nobody has written since.
    if (judged != known_.recent_ids().count() || !group->conditions.empty()) {
      const std::vector<size_t> unsure = Judge(group, size);
      if (!unsure.empty()) {
        if (os::Error error = Ask(unsure, group)) return fail(error);
        continue;
      }
    }
    if (group->new_lines == 0 || !options_.rotation.IsDue(file_, size, group->new_bytes)) break;
    if (os::Error error = RotateHere()) return fail(error);
    reply.rotated = true;
  }
  std::vector<os::File> rotated;
  if (os::Error error = OpenRotated(*group, &rotated)) return fail(error);

  if (group->new_lines > 0) {
    if (os::Error error = Write(*group, size, &reply)) {
      poisoned_ = reply.status == Status::kUnknown;
      Unlock();
      reply.error = error;
      reply.file = file_id_;
      return reply;
    }
  } else {
    reply.start = reply.end = size;
  }
  Report(*group, &reply);
  // Before the sync, so that other processes write while we sync, and sync side by side with us (Aether, VLDB
  // 2010). The order of the lines is fixed by the write; the acknowledgement waits for the sync.
  Unlock();
  if (os::Error error = SyncAcknowledged(*group, rotated, &reply)) {
    poisoned_ = true;
    reply.status = Status::kUnknown;
    reply.error = error;
    return reply;
  }
  reply.status = Status::kCommitted;
  if (known_.is_on()) {
    reply.known_ids = known_.recent_ids().ids();
    reply.known_bytes = known_.recent_ids().memory();
  }
  return reply;
}

// Locks the file that the path names, opening (and creating) it where the one that is open is not it any
// more.
os::Error BatchWriter::LockCurrentFile(Reply* reply) {
  const auto began = os::Clock::now();
  const auto waited_before = reply->waited;
  for (;;) {
    if (!file_.is_open()) {
      if (os::Error error = lock::OpenForAppend(options_.path, &file_, &file_id_)) return error;
      directory_synced_ = false;
      synced_end_ = 0;
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
    reply->waited = waited_before + Since(began);
    if (attempt == lock::Attempt::kGranted) {
      attempt = lock::KeepIfNamed(options_.path, file_id_, lock::Spec{}, &file_, &error);
    }
    if (attempt == lock::Attempt::kMoved) continue;
    if (attempt == lock::Attempt::kFailed) return error;
    locked_ = attempt == lock::Attempt::kGranted;
    if (!locked_) reply->status = Status::kLockTimeout;
    return {};
  }
}

// Decides what becomes of each line, as far as it can, and answers with those that may be copies of an event
// at the position `copy`. The file ends at `size`.
std::vector<size_t> BatchWriter::Judge(Group* group, uint64_t size) {
  std::vector<size_t> unsure;
  std::unordered_map<dedupe::Fingerprint, size_t>
      in_group;                 // the last new line with this id, as an index of `numbers`
  std::vector<size_t> numbers;  // of the new lines
  group->new_lines = 0;
  group->new_bytes = 0;
  group->conflicts.clear();
  const size_t window = known_.recent_ids().window();
  if (window != 0) in_group.reserve(group->lines.size());
  std::unordered_set<dedupe::Fingerprint> asked;

  auto condition = group->conditions.begin();
  enum { kUnchecked, kMet, kFailed } state = kUnchecked;
  for (size_t i = 0; i < group->lines.size(); i++) {
    if (condition != group->conditions.end() && condition->first + condition->count == i) {
      ++condition;
      state = kUnchecked;
    }
    Line& line = group->lines[i];
    line.fate = Line::kNew;
    if (window != 0 && line.fingerprint != 0) {
      const auto position = known_.Find(line.fingerprint, group->new_lines);
      const auto copy = group->copies.find(line.fingerprint);
      if (position && copy != group->copies.end() && copy->second == position) {
        line.fate = Line::kCopyInFile;
        line.copy = *position;
      } else if (position) {
        // One question for each id is enough: the others of the group are judged when it is answered.
        if (asked.insert(line.fingerprint).second) {
          unsure.push_back(i);
          line.copy = *position;
        }
      } else if (const auto found = in_group.find(line.fingerprint);
                 found != in_group.end() && group->new_lines - found->second <= window) {
        const size_t number = numbers[found->second];
        if (dedupe::IdFinder::Equal(group->lines[number].id, line.id)) {
          line.fate = Line::kCopyInGroup;
          line.copy = number;
        }
      }
    }
    if (line.fate != Line::kNew) continue;
    if (condition != group->conditions.end() && condition->first <= i) {
      if (state == kUnchecked) {
        state = condition->end == size + group->new_bytes ? kMet : kFailed;
        if (state == kFailed) group->conflicts.push_back(condition->first);
      }
      if (state == kFailed) {
        line.fate = Line::kRefused;
        continue;
      }
    }
    if (window != 0 && line.fingerprint != 0) in_group[line.fingerprint] = group->new_lines;
    numbers.push_back(i);
    group->new_lines++;
    group->new_bytes += line.text.size() + 1;
  }
  return unsure;
}

// Lets JavaScript look at the lines that may be copies. The lock is kept meanwhile if it is held, but not for
// long.
os::Error BatchWriter::Ask(const std::vector<size_t>& unsure, Group* group) {
  Reply reply;
  reply.status = Status::kAsk;
  reply.file = file_id_;
  for (const size_t i : unsure) {
    const dedupe::Position position = group->lines[i].copy;
    Question question{i, known_.Locate(position).offset, {}};
    if (os::Error error = known_.ReadLine(file_, position, &question.text)) return error;
    reply.questions.push_back(std::move(question));
  }
  Send(std::move(reply));

  std::unique_lock guard(mutex_);
  const auto answered = [this] { return answer_.has_value() || closing_; };
  if (!wake_.wait_for(guard, kLongestHold, answered)) {
    guard.unlock();
    Unlock();
    guard.lock();
    wake_.wait(guard, answered);
  }
  if (closing_) return {};
  const std::vector<bool> answer = *std::exchange(answer_, std::nullopt);
  guard.unlock();
  if (answer.size() != unsure.size()) return {ENOMEM, "read"};
  for (size_t i = 0; i < unsure.size(); i++) {
    const Line& line = group->lines[unsure[i]];
    if (answer[i]) {
      group->copies[line.fingerprint] = line.copy;
    } else {
      Unlock();  // this may read much
      if (os::Error error = known_.Reject(file_, line.fingerprint, line.copy)) return error;
    }
  }
  return {};
}

bool BatchWriter::IsClosing() {
  std::lock_guard guard(mutex_);
  return closing_;
}

os::Error BatchWriter::RotateHere() {
  known_.Save(file_);
  os::Error error = files::Rotate(options_.path);
  Unlock();
  file_.Close();
  // What is too old is removed by whoever rotates next, if not by us.
  if (!error) files::RemoveOldFiles(options_.path, options_.rotation.keep);
  return error;
}

// Writes the new lines at the end of the file, which is at `size`. When this fails, the file ends at `size`
// again.
os::Error BatchWriter::Write(const Group& group, uint64_t size, Reply* reply) {
  reply->status = Status::kFailed;
  if (size == 0 && options_.durability != os::Durability::kNone) {
    if (os::Error error = os::SyncDirectory(options_.path, true)) return error;
    directory_synced_ = true;
  }
  // A tail without newline is what a writer left that died in the middle, or somebody's `echo -n`. Closed
  // with a newline it costs one line, which readers skip unless it is whole; left open it would cost our
  // first record too.
  char last = known_.last();
  if (size > 0 && !known_.is_on()) {
    if (os::Error error = file_.ReadAt(size - 1, &last, 1)) return error;
  }
  reply->healed = last != '\n';
  const size_t heal = reply->healed ? 1 : 0;

  std::string some;
  if (group.new_lines < group.lines.size()) {
    some.reserve(group.new_bytes);
    for (const Line& line : group.lines) {
      if (line.fate == Line::kNew) some.append(line.text) += '\n';
    }
  }
  const std::string& data = group.new_lines < group.lines.size() ? some : group.data;
  writing_ = true;
  if (const os::Error error = file_.Append("\n", heal, data.data(), data.size())) {
    writing_ = false;
    // A part of it may stand in the file. Its callers are told that it failed, so it must go.
    if (file_.Truncate(size)) reply->status = Status::kUnknown;
    return error;
  }
  reply->start = size + heal;
  reply->end = reply->start + data.size();
  reply->written = group.new_lines;
  if (!known_.is_on()) return {};
  uint64_t offset = reply->start;
  for (const Line& line : group.lines) {
    if (line.fate != Line::kNew) continue;
    known_.AddWritten(file_, line.fingerprint, offset);
    offset += line.text.size() + 1;
  }
  known_.SetEnd(file_, reply->end, data);
  return {};
}

// Tells what became of the lines that were not written, while positions still mean what they meant to Judge.
void BatchWriter::Report(const Group& group, Reply* reply) {
  reply->conflicts = group.conflicts;
  if (group.new_lines == group.lines.size()) return;
  std::vector<uint64_t> offsets(group.lines.size());
  uint64_t offset = reply->start;
  for (size_t i = 0; i < group.lines.size(); i++) {
    const Line& line = group.lines[i];
    offsets[i] = offset;
    if (line.fate == Line::kNew) offset += line.text.size() + 1;
    if (line.fate == Line::kCopyInGroup) {
      reply->duplicates.push_back({i, offsets[static_cast<size_t>(line.copy)], {}});
    } else if (line.fate == Line::kCopyInFile) {
      dedupe::Location location = known_.Locate(line.copy);
      reply->duplicates.push_back({i, location.offset, std::move(location.rotated)});
    }
  }
}

// Opens the rotated files that hold what lines of the group repeat, which is acknowledged only when it is
// durable. Before anything is written, because this may fail.
os::Error BatchWriter::OpenRotated(const Group& group, std::vector<os::File>* out) {
  if (options_.durability == os::Durability::kNone) return {};
  std::set<std::string> paths;
  for (const Line& line : group.lines) {
    if (line.fate != Line::kCopyInFile) continue;
    const dedupe::Location location = known_.Locate(line.copy);
    if (!location.rotated.empty()) paths.insert(location.rotated);
  }
  for (const std::string& path : paths) {
    os::File file;
    const os::Error error = os::File::OpenForSync(path, &file);
    if (error.number == ENOENT) continue;  // removed meanwhile, as too old
    if (error) return error;
    out->push_back(std::move(file));
  }
  return {};
}

// Makes durable what the reply acknowledges: the new lines, and what duplicates repeat, whoever wrote that.
os::Error BatchWriter::SyncAcknowledged(const Group& group, const std::vector<os::File>& rotated,
                                        Reply* reply) {
  if (options_.durability == os::Durability::kNone) return {};
  bool here = group.new_lines > 0;
  for (const Duplicate& duplicate : reply->duplicates) {
    here = here || (duplicate.path.empty() && duplicate.offset >= synced_end_);
  }
  if (!here && rotated.empty()) return {};
  const auto began = os::Clock::now();
  for (const os::File& file : rotated) {
    if (os::Error error = file.Sync(options_.durability)) return error;
  }
  if (here) {
    if (os::Error error = file_.Sync(options_.durability)) return error;
  }
  if (!directory_synced_) {
    // With all directories above it: who wrote the first byte may have synced nothing (kNone, or `echo`).
    if (os::Error error = os::SyncDirectory(options_.path, true)) return error;
    directory_synced_ = true;
  }
  if (here) synced_end_ = reply->end;
  reply->synced = Since(began);
  return {};
}

void BatchWriter::Unlock() {
  if (locked_) lock::kFlock.unlock(file_, lock::Spec{});
  locked_ = false;
}

}  // namespace holdfast::append
