// One subject: the nine stages of a commit, in their order, with what only they need.

#include "append/batch_writer.h"

#include <errno.h>

#include <algorithm>
#include <cassert>
#include <iterator>
#include <new>
#include <optional>
#include <utility>

#include "lock/fence.h"
#include "lock/mechanism.h"
#include "os/clock.h"

namespace holdfast::append {
namespace {

// More than this is not read under the lock.
constexpr uint64_t kMaxUnlockedTail = uint64_t{1} << 20;

// How many times one commit reads the file anew if something keeps truncating it.
constexpr int kMaxRereads = 8;

// A group takes no further batch once it has so many bytes.
constexpr uint64_t kMaxGroupBytes = uint64_t{4} << 20;

}  // namespace

struct BatchWriter::Transaction {
  Group* const group;
  WriterThread* const thread;  // null: nobody to wait with; see HandOn
  Reply reply{};
  uint64_t size = 0;  // of the file
  Verdict verdict{};
  // The verdict is sound while so many events are known; nothing: there is none.
  std::optional<uint64_t> judged_at{};
  int rereads = 0;
  bool is_tail_unfinished = false;  // for more than is read under the lock at once
  bool is_handed_on = false;        // nothing is done, and Commit has to do it
  bool wrote = false;               // something of the group may be in the file
  uint64_t acknowledged_end = 0;    // what is acknowledged is before this, or in `rotated`
  std::vector<os::File> rotated{};
  lock::HeldFence fence{};
};

std::shared_ptr<WriterThread> MakeWriter(Options options, std::function<void()> on_reply) {
  // With rotation, what is written together must fit into one file.
  const uint64_t max_file = options.rotation.max_bytes;
  const uint64_t max_group = max_file == 0 ? kMaxGroupBytes : std::min(kMaxGroupBytes, max_file);
  return std::make_shared<WriterThread>(std::make_unique<BatchWriter>(std::move(options)),
                                        static_cast<size_t>(max_group), std::move(on_reply));
}

BatchWriter::BatchWriter(Options options)
    : options_(std::move(options)),
      id_finder_(options_.id_key),
      known_(options_.path, id_finder_,
             {options_.window, options_.max_line_bytes, options_.rotation.is_on()}),
      chain_(options_.path, id_finder_, {options_.chain, options_.max_line_bytes}),
      durable_end_(options_.path, options_.durability),
      housekeeping_(options_.path, options_.rotation),
      file_(options_.path, options_.owner) {}

Reply BatchWriter::Open() {
  Reply reply;
  try {
    reply.error = file_.Open();
    // Somebody has a lease on it. Each commit waits for that, no longer than for the lock.
    if (reply.error.number == EAGAIN) reply.error = {};
    if (file_.is_open()) housekeeping_.Look(file_.get());
    // Without the lock, so that nobody has to wait only to open. Under the lock it is looked at again, and an
    // error counts.
    uint64_t size = 0;
    if (file_.is_open() && !file_.get().Size(&size)) {
      chain_.CatchUp(file_.get(), file_.id(), size, &reply.refusal);
      chain_.Forget();
      // While others rotate, only the lock makes sure that one event is not seen in two files.
      if (reply.refusal == chain::Refusal::kIsBroken) reply.refusal = chain::Refusal::kNone;
    }
  } catch (const std::bad_alloc&) {
    reply.error = {ENOMEM, "open"};
  }
  reply.status = Status::kCommitted;
  if (reply.error) reply.status = Status::kFailed;
  if (reply.refusal != chain::Refusal::kNone) {
    reply.status = Status::kRefused;
    file_.Close();
  }
  reply.problems = housekeeping_.TakeProblems();
  return reply;
}

bool BatchWriter::HasUnsaved() const {
  return file_.is_open() && options_.window == dedupe::RecentIds::kAll;
}

void BatchWriter::Save() {
  try {
    if (file_.is_open()) known_.Save(file_.get());
  } catch (const std::bad_alloc&) {
    // It is only a cache.
  }
}

void BatchWriter::Rest() {
  if (file_.is_open()) durable_end_.Rest(file_.get());
}

void BatchWriter::Close() {
  file_.Close();
}

const BatchWriter::Stage BatchWriter::kStages[] = {
    &BatchWriter::HoldFence,      // 1
    &BatchWriter::JudgeUnlocked,  // 2
    &BatchWriter::Lock,           // 3
    &BatchWriter::CatchUp,        // 4
    &BatchWriter::JudgeLocked,    // 5
    &BatchWriter::FollowChain,    // 6
    &BatchWriter::RotateIfDue,    // 7
    &BatchWriter::Write,          // 8
    &BatchWriter::Sync,           // 9
};

Reply BatchWriter::Commit(Group* group, WriterThread* thread) {
  Transaction transaction{group, thread};
  Run(&transaction);
  return std::move(transaction.reply);
}

std::optional<Reply> BatchWriter::TryCommit(Group* group) {
  Transaction transaction{group, nullptr};
  Run(&transaction);
  if (transaction.is_handed_on) return std::nullopt;
  return std::move(transaction.reply);
}

void BatchWriter::Run(Transaction* transaction) {
  assert(!file_.is_locked());
  Reply& reply = transaction->reply;
  Group* const group = transaction->group;
  try {
    if (poison_) {
      Fail(transaction, poison_, Status::kPoisoned);
      return;
    }
    group->CutLines(known_.is_on() ? &id_finder_ : nullptr);
    if (known_.is_on()) group->HashIds(known_.hash_key());
    for (size_t i = 0; known_.is_on() && i < group->lines.size(); i++) {
      known_.Prefetch(group->lines[i].fingerprint, i);
    }
    for (const Stage* stage = std::begin(kStages); stage != std::end(kStages);) {
      const Step step = (this->**stage)(transaction);
      if (step == Step::kEnd) break;
      stage = step == Step::kNext ? stage + 1 : std::begin(kStages);
    }
  } catch (const std::bad_alloc&) {
    // What was written is not remembered, and its outcome is unknown, as after a failed sync.
    known_.Forget();
    Fail(transaction, {ENOMEM, "write"}, transaction->wrote ? Status::kUnknown : Status::kFailed);
  }
  if (transaction->is_handed_on) return;
  if (reply.status == Status::kUnknown) poison_ = reply.error;
  reply.problems = housekeeping_.TakeProblems();
}

// Before the file is locked: whoever is in the middle of taking the lock of the fence, and is stopped there,
// holds up nobody else.
BatchWriter::Step BatchWriter::HoldFence(Transaction* transaction) {
  const Fence& fence = transaction->group->fence;
  if (fence.token == 0 || transaction->fence.is_held()) return Step::kNext;
  if (transaction->thread == nullptr) return HandOn(transaction);
  const auto deadline = os::Clock::now() + options_.lock_timeout;
  uint64_t token = 0;
  os::Error error;
  const lock::Attempt attempt = transaction->fence.Hold(
      fence.lock, [transaction, deadline] { return transaction->thread->InterruptAt(deadline); }, &token,
      &error);
  if (attempt == lock::Attempt::kFailed) return Fail(transaction, error);
  if (attempt != lock::Attempt::kGranted) return Fail(transaction, {}, Status::kLockTimeout);
  return token > fence.token ? Fail(transaction, {}, Status::kFenced) : Step::kNext;
}

// What can be done before the lock is taken is not done under it. If something goes wrong here, it goes wrong
// under the lock again.
BatchWriter::Step BatchWriter::JudgeUnlocked(Transaction* transaction) {
  if (transaction->thread != nullptr && transaction->thread->IsClosing())
    return Fail(transaction, {ECANCELED, "write"});
  uint64_t& size = transaction->size;
  if (file_.is_locked() || !known_.is_on() || !file_.is_open() || file_.get().Size(&size)) return Step::kNext;
  // What is much more is read once it has to be.
  if (size > known_.end() && size - known_.end() > kMaxUnlockedTail) return Step::kNext;
  const bool is_known =
      size == known_.end() || (known_.IsOf(file_.get(), file_.id(), size) &&
                               !known_.CatchUp(file_.get(), size, dedupe::Tail::kLeaveUnfinished));
  return is_known ? JudgeGroup(transaction) : Step::kNext;
}

BatchWriter::Step BatchWriter::Lock(Transaction* transaction) {
  if (file_.is_locked()) return Step::kNext;
  const auto deadline = os::Clock::now() + options_.lock_timeout;
  const auto locked = file_.Lock([thread = transaction->thread, deadline] {
    return thread == nullptr ? nullptr : thread->InterruptAt(deadline);
  });
  if (locked.opened_anew) durable_end_.FileChanged();
  transaction->reply.waited += locked.waited;
  if (locked.attempt == lock::Attempt::kGranted) return Step::kNext;
  if (locked.attempt == lock::Attempt::kFailed) return Fail(transaction, locked.error);
  if (transaction->thread == nullptr) return HandOn(transaction);
  transaction->reply.status = Status::kLockTimeout;
  return Step::kEnd;
}

BatchWriter::Step BatchWriter::CatchUp(Transaction* transaction) {
  uint64_t& size = transaction->size;
  if (os::Error error = file_.get().Size(&size)) return Fail(transaction, error);
  if (!known_.is_on()) return Step::kNext;
  const bool is_known = known_.IsOf(file_.get(), file_.id(), size);
  // A long tail without newline stays long however often it is read: the second time, it is read under the
  // lock.
  const bool is_last = transaction->rereads >= kMaxRereads || transaction->is_tail_unfinished;
  if (is_known && (size - known_.end() <= kMaxUnlockedTail || is_last)) {
    const os::Error error = known_.CatchUp(file_.get(), size, dedupe::Tail::kIncludeUnfinished);
    return error ? Fail(transaction, error) : Step::kNext;
  }
  file_.Unlock();
  transaction->rereads++;
  os::Error error;
  if (is_known) {
    const uint64_t end = known_.end();
    error = known_.CatchUp(file_.get(), size, dedupe::Tail::kLeaveUnfinished);
    transaction->is_tail_unfinished = known_.end() == end;
  } else {
    // Another file, or one that was truncated.
    durable_end_.Written(0);
    transaction->judged_at.reset();
    transaction->group->answers.clear();
    error = known_.Load(file_.get(), file_.id(), size);
    transaction->group->HashIds(known_.hash_key());
  }
  // EIO may mean that the file was truncated while it was read. Then it is read as it is now.
  if (error && (error.number != EIO || transaction->rereads >= kMaxRereads)) return Fail(transaction, error);
  return Step::kRestart;
}

BatchWriter::Step BatchWriter::JudgeLocked(Transaction* transaction) {
  const bool is_sound = transaction->judged_at == known_.recent_ids().count();
  // Conditions are about the size of the file, which may have grown by lines that are no events.
  if (is_sound && transaction->group->conditions.empty()) return Step::kNext;
  return JudgeGroup(transaction);
}

BatchWriter::Step BatchWriter::FollowChain(Transaction* transaction) {
  assert(file_.is_locked());
  if (transaction->verdict.written == 0) return Step::kNext;
  Reply& reply = transaction->reply;
  if (os::Error error = chain_.CatchUp(file_.get(), file_.id(), transaction->size, &reply.refusal)) {
    return Fail(transaction, error);
  }
  return reply.refusal == chain::Refusal::kNone ? Step::kNext : Fail(transaction, {}, Status::kRefused);
}

BatchWriter::Step BatchWriter::RotateIfDue(Transaction* transaction) {
  assert(file_.is_locked());
  const Verdict& verdict = transaction->verdict;
  const uint64_t size = transaction->size;
  if (verdict.written == 0 || !housekeeping_.IsDue(file_.get(), size, verdict.written_bytes)) {
    return Step::kNext;
  }
  if (transaction->thread == nullptr) return HandOn(transaction);
  if (chain_.is_on()) {
    // The next file goes on from the last event of this one, which a power loss must not take alone.
    std::vector<os::File> none;
    if (os::Error error = durable_end_.Prepare(file_.get(), {}, &none)) {
      housekeeping_.RotationFailed(error);
      return Step::kNext;
    }
    if (os::Error error =
            durable_end_.MakeDurable(file_.get(), size, size, {}, false, &transaction->reply.synced)) {
      return Fail(transaction, error, Status::kUnknown);
    }
  }
  known_.Save(file_.get());
  os::File next;
  if (!housekeeping_.Rotate(file_.get(), &next)) return Step::kNext;
  transaction->reply.rotated = true;
  durable_end_.FileChanged();
  if (next.is_open()) {
    if (os::Error error = file_.GoOnIn(std::move(next))) return Fail(transaction, error);
  } else {
    file_.Unlock();
    file_.Close();
  }
  return Step::kRestart;
}

BatchWriter::Step BatchWriter::Write(Transaction* transaction) {
  assert(file_.is_locked());
  Reply& reply = transaction->reply;
  const std::vector<std::string> rotated = LocateDuplicates(transaction);
  if (os::Error error = durable_end_.Prepare(file_.get(), rotated, &transaction->rotated)) {
    return Fail(transaction, error);
  }
  reply.start = reply.end = transaction->size;
  if (transaction->verdict.written > 0) {
    if (os::Error error = Append(transaction)) {
      return Fail(transaction, error, transaction->wrote ? Status::kUnknown : Status::kFailed);
    }
    transaction->acknowledged_end = reply.end;
  }
  return Step::kNext;
}

BatchWriter::Step BatchWriter::Sync(Transaction* transaction) {
  Reply& reply = transaction->reply;
  file_.Unlock();
  if (os::Error error =
          durable_end_.MakeDurable(file_.get(), transaction->acknowledged_end, reply.end,
                                   transaction->rotated, transaction->thread != nullptr, &reply.synced)) {
    return Fail(transaction, error, Status::kUnknown);
  }
  housekeeping_.RemoveOld(file_.get());
  Verdict& verdict = transaction->verdict;
  reply.status = Status::kCommitted;
  reply.written = verdict.written;
  reply.duplicates = verdict.duplicates;
  reply.lines = std::move(verdict.lines);
  if (known_.is_on()) {
    reply.known_ids = known_.recent_ids().places();
    reply.known_bytes = known_.recent_ids().memory();
  }
  return Step::kEnd;
}

BatchWriter::Step BatchWriter::JudgeGroup(Transaction* transaction) {
  transaction->verdict = Judge(*transaction->group, known_.recent_ids(), transaction->size);
  transaction->judged_at.reset();
  if (!transaction->verdict.unsure.empty()) {
    return transaction->thread == nullptr ? HandOn(transaction) : Ask(transaction);
  }
  transaction->judged_at = known_.recent_ids().count();
  return Step::kNext;
}

// Looks at the lines that may be duplicates. Where one has the id that is looked for, JavaScript tells
// whether it is an event. If the lock is held, it is kept meanwhile, but not for long.
BatchWriter::Step BatchWriter::Ask(Transaction* transaction) {
  using Found = dedupe::KnownEvents::Found;
  Group* const group = transaction->group;
  std::vector<size_t> asked;
  std::vector<Question> questions;
  std::vector<size_t> lengths;
  const auto place_of = [&](size_t line) { return transaction->verdict.lines[line].position; };
  const auto reject = [&](size_t line, Found found) {
    file_.Unlock();  // this may read much
    return known_.Reject(file_.get(), group->lines[line].id, place_of(line), found);
  };
  for (const size_t line : transaction->verdict.unsure) {
    const std::string_view id = group->lines[line].id;
    const dedupe::Position place = place_of(line);
    Question question{line, known_.Locate(place).offset, {}};
    Found found;
    os::Error error = known_.Look(file_.get(), id, place, &question.text, &found);
    if (!error && found == Found::kNothing) error = reject(line, found);
    if (error) return Fail(transaction, error);
    if (found == Found::kGone) known_.Remove(id, place);
    if (found == Found::kOther) group->answers[{id, place}] = {};
    if (found != Found::kCopy) continue;
    asked.push_back(line);
    lengths.push_back(question.text.size());
    questions.push_back(std::move(question));
  }
  if (asked.empty()) return Step::kRestart;
  const auto answers = transaction->thread->Ask(std::move(questions), [this] { file_.Unlock(); });
  if (!answers) return Step::kRestart;  // and so to the end, because the writer is closing
  if (answers->size() != asked.size()) return Fail(transaction, {ENOMEM, "read"});
  for (size_t i = 0; i < asked.size(); i++) {
    const size_t line = asked[i];
    if ((*answers)[i]) {
      group->answers[{group->lines[line].id, place_of(line)}] = {true, lengths[i]};
    } else if (os::Error error = reject(line, Found::kCopy)) {
      return Fail(transaction, error);
    }
  }
  return Step::kRestart;
}

// Says where the events are that lines of the group repeat, and in which rotated files. These have to be
// durable before the duplicates are acknowledged, whoever wrote them.
std::vector<std::string> BatchWriter::LocateDuplicates(Transaction* transaction) const {
  std::vector<std::string> rotated;
  std::vector<LineVerdict>& lines = transaction->verdict.lines;
  for (size_t i = 0; transaction->verdict.duplicates > 0 && i < lines.size(); i++) {
    if (lines[i].fate != Fate::kDuplicateInFile) continue;
    dedupe::Location location = known_.Locate(lines[i].position);
    lines[i].offset = location.offset;
    if (location.rotated.empty()) {
      transaction->acknowledged_end = std::max(transaction->acknowledged_end, location.offset + 1);
      // The last line may be without newline, and stays so if nothing is written.
      const uint64_t size = transaction->size;
      if (transaction->verdict.written == 0 && location.offset + lines[i].length > size) {
        lines[i].length = size - location.offset;
      }
      continue;
    }
    rotated.push_back(location.rotated);
    transaction->reply.rotated_paths.push_back({i, std::move(location.rotated)});
  }
  std::sort(rotated.begin(), rotated.end());
  rotated.erase(std::unique(rotated.begin(), rotated.end()), rotated.end());
  return rotated;
}

// Appends the lines that are to be written. If this fails, nothing of them is in the file, unless `wrote`
// says otherwise.
os::Error BatchWriter::Append(Transaction* transaction) {
  Reply& reply = transaction->reply;
  const uint64_t size = transaction->size;
  if (size == 0) {
    if (os::Error error = durable_end_.SyncDirectory()) return error;
  }
  // A tail without newline was left by a writer that died in the middle, or by somebody's `echo -n`. Closed
  // with a newline it costs one line, which readers skip unless it is whole. Left open it would cost our
  // first record too.
  char last = known_.last();
  if (size > 0 && !known_.is_on()) {
    if (os::Error error = file_.get().ReadAt(size - 1, &last, 1)) return error;
  }
  reply.healed = last != '\n';

  std::string buffer;
  const std::string& text = TextToWrite(*transaction->group, transaction->verdict, &buffer);
  if (chain_.is_on()) {
    if (buffer.empty()) buffer = text;
    chain_.Link(&buffer);
  }
  const std::string& data = buffer.empty() ? text : buffer;
  durable_end_.Written(size);
  if (os::Error error = file_.Append(size, reply.healed, data, &transaction->wrote)) {
    chain_.Forget();
    return error;
  }
  reply.start = size + (reply.healed ? 1 : 0);
  reply.end = reply.start + data.size();
  chain_.SetEnd(file_.id(), reply.end);
  Remember(transaction, data);
  return {};
}

// Adds what was written to what is known.
void BatchWriter::Remember(Transaction* transaction, std::string_view data) {
  std::vector<LineVerdict>& lines = transaction->verdict.lines;
  for (size_t i = 0; i < lines.size(); i++) {
    const Fate fate = lines[i].fate;
    if (fate != Fate::kWritten && fate != Fate::kDuplicateInGroup) continue;
    lines[i].offset += transaction->reply.start;
    if (fate == Fate::kWritten && known_.is_on()) {
      known_.AddWritten(file_.get(), transaction->group->lines[i].fingerprint, lines[i].offset);
    }
  }
  if (known_.is_on()) known_.SetEnd(file_.get(), transaction->reply.end, data);
}

// What asks or waits is not for a thread that blocks meanwhile. Nothing is done so far that Commit does not
// do again.
BatchWriter::Step BatchWriter::HandOn(Transaction* transaction) {
  assert(!transaction->wrote);
  file_.Unlock();
  transaction->is_handed_on = true;
  return Step::kEnd;
}

BatchWriter::Step BatchWriter::Fail(Transaction* transaction, os::Error error, Status status) {
  file_.Unlock();
  transaction->reply.status = status;
  transaction->reply.error = error;
  return Step::kEnd;
}

}  // namespace holdfast::append
