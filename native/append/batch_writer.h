// The batch writer: one commit after the other. There is one for each open chronicle, on a thread of its own
// (writer_thread.h).
//
// JavaScript hands over lines, and all that are there form one group: one lock, one write, one sync. This is
// done here and not in JavaScript, so that a blocked event loop never keeps the file locked (promise C8).
//
// Native code recognises, JavaScript interprets. A line whose id is not among the known ones is new, and
// nearly every line is. Only if its id is known, JavaScript is shown the line that has it (Status::kAsk),
// parses that, and decides.
//
// The stages of a commit:
//
//   1. If the group has a fencing token, see that it is not too old, and keep it so until the group is
//   synced: whoever is given the lock next sees all that its holder before has written.
//   2. Judge the group without the lock, if that is possible: read what others wrote, and ask JavaScript.
//   3. Lock the file that the path names, and open it if it is not the one that is open.
//   4. Read what others wrote since. If that is much, let go of the lock meanwhile, and go back to 2.
//   5. Judge the group again, if anything was written since. If JavaScript has to be asked, keep the lock
//      meanwhile, but not for long; then go back to 2, or to 4 if the lock was kept.
//   6. See whether the file has a chain, and what its last link is. Nothing is done to a file whose chain
//      this writer would break.
//   7. If the file has to be rotated first, rotate it, and go back to 2 with the new one, which is locked.
//   If that cannot be done, go on in the file that is there.
//   8. Write: close a torn tail, append, and cut the file back if that fails.
//   9. Let go of the lock, and then sync. So processes write while others sync, and sync side by side
//      (promise C10; "early lock release" in Aether, VLDB 2010): the order of lines is fixed by the write,
//      and acknowledged is what is synced. After a rotation, remove what is too old.
//
// The handle may be closed at any moment: then a commit that has not come to 8 fails.
#ifndef HOLDFAST_APPEND_BATCH_WRITER_H_
#define HOLDFAST_APPEND_BATCH_WRITER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "append/chronicle_file.h"
#include "append/durable_end.h"
#include "append/group.h"
#include "append/reply.h"
#include "append/writer_thread.h"
#include "chain/chain.h"
#include "dedupe/id_finder.h"
#include "dedupe/known_events.h"
#include "files/housekeeping.h"
#include "os/file.h"

namespace holdfast::append {

struct Options {
  std::string path;
  std::shared_ptr<lock::Owner> owner;  // the thread that may block for an append
  std::chrono::milliseconds lock_timeout{2000};
  os::Durability durability = os::Durability::kData;
  std::string id_key;
  // How many of the last events are remembered. 0: nothing is deduplicated; dedupe::RecentIds::kAll: all.
  size_t window = 0;
  uint64_t max_line_bytes = 0;
  files::Rotation rotation;
  // Unless it is off, every line that is handed over has room for a link (chain/link.h).
  chain::Mode chain = chain::Mode::kOff;
};

class BatchWriter : public Committer {
 public:
  explicit BatchWriter(Options options);

  Reply Open() override;
  Reply Commit(Group* group, WriterThread* thread) override;
  std::optional<Reply> TryCommit(Group* group) override;
  bool HasUnsaved() const override;
  void Save() override;
  void Rest() override;
  void Close() override;

 private:
  // One group on its way through the stages.
  struct Transaction;
  enum class Step { kNext, kRestart, kEnd };
  using Stage = Step (BatchWriter::*)(Transaction*);
  static const Stage kStages[];

  Step HoldFence(Transaction* transaction);
  Step JudgeUnlocked(Transaction* transaction);
  Step Lock(Transaction* transaction);
  Step CatchUp(Transaction* transaction);
  Step JudgeLocked(Transaction* transaction);
  Step RotateIfDue(Transaction* transaction);
  Step FollowChain(Transaction* transaction);
  Step Write(Transaction* transaction);
  Step Sync(Transaction* transaction);

  void Run(Transaction* transaction);
  Step JudgeGroup(Transaction* transaction);
  Step Ask(Transaction* transaction);
  std::vector<std::string> LocateDuplicates(Transaction* transaction) const;
  os::Error Append(Transaction* transaction);
  void Remember(Transaction* transaction, std::string_view data);
  Step Fail(Transaction* transaction, os::Error error, Status status = Status::kFailed);
  Step HandOn(Transaction* transaction);

  const Options options_;
  const dedupe::IdFinder id_finder_;
  dedupe::KnownEvents known_;
  chain::Chain chain_;
  DurableEnd durable_end_;
  files::Housekeeping housekeeping_;
  ChronicleFile file_;
  os::Error poison_;  // why nothing can be appended any more
};

// A batch writer with its thread.
std::shared_ptr<WriterThread> MakeWriter(Options options, std::function<void()> on_reply);

}  // namespace holdfast::append

#endif  // HOLDFAST_APPEND_BATCH_WRITER_H_
