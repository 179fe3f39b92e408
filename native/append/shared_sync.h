// One sync for all processes that append to a file: a sync that began after a write covers it, whoever makes
// it (as PostgreSQL's XLogFlush does across its processes).
//
// Syncs that may be shared are made in rounds, which have numbers. Who has written looks for the last round
// that has begun, and needs the next one: every sync that began before has a lower number. The first to ask
// for that round leads it: it waits until the one before is over, says that its round begins, syncs, and says
// that it is done. The others wait for it.
//
// All of that is said by exclusive open-file-description locks on bytes of the file itself, far past its end
// (docs/format.md). So the kernel keeps it, and nothing has to be believed, cleaned up or recovered: it goes
// with the process that said it, with the file and with the machine; only who may write to the file can say
// it; and nothing is known about offsets, which a truncation would make void.
//
//   turn of n     held by who leads round n, from before it begins until it is over. Others wait for a shared
//                 lock on it.
//   round n       one byte: it has begun; two bytes: it is done, and all that was written before it began is
//                 durable. Kept until the same process has done a later round, or rests.
//   absence of n  shared, by who was in the round before: will he write something for this one? Until he
//   does.
//
// Who is acknowledged first would lead the next round alone, and the others the one after it, and so they
// would take turns for ever, each waiting for a sync that serves only a part of them. So the leader waits for
// the absent, as Gathering does within a process: no longer than pays.
//
// Why nobody is acknowledged too early. Who has written looks for marks of rounds after that, until there are
// none above the last one. A mark is set before its sync begins, and the same open file always has one of
// that number or above until it rests, and then it syncs nothing. So every sync that had begun when he looked
// has a number that he saw or a lower one, or its leader is gone and never says that it is done. What is done
// of a higher number began after he looked, and so after his write. That is all that is relied upon: who
// leads, how many lead at once, who waits and how long, only decide what it costs.
//
// A leader that dies has not said that its round is done, and who waited for it syncs for himself. So he does
// if its sync fails. One that is stopped costs everybody else one wait of kMaxWait, and where syncs take
// longer than that, hardly any are shared. That a write was lost on its way to the disk is told once to each
// open file, so who was covered by another's sync still asks for errors of its own. A child that was forked
// keeps the marks of an open file that it shares: what is done stays true, and what has only begun is like a
// leader that is stopped.
//
// Only on Linux, and on file systems that are known to tell each open file of such an error. Everywhere else,
// where the locks cannot be had, and after every failure of this, everybody syncs for himself.
//
// Whoever shares relies on the others: one whose syncs do nothing (eatmydata, SuppressSync of systemd) says
// that they are done. Who may write to a chronicle could also destroy it; Durability::kFull relies on nobody.
#ifndef HOLDFAST_APPEND_SHARED_SYNC_H_
#define HOLDFAST_APPEND_SHARED_SYNC_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "lock/interrupt.h"
#include "os/file.h"

namespace holdfast::append {

class SharedSync {
 public:
  // How long anybody waits for the sync of another. Most disks sync in less.
  static constexpr std::chrono::milliseconds kMaxWait{250};

  explicit SharedSync(std::chrono::milliseconds max_wait = kMaxWait) : max_wait_(max_wait) {}

  // It is about another file from now on. What was said about the old one goes when that is closed.
  void FileChanged();

  // Makes durable what was written before the call, as file.Sync(Durability::kData) does. To be called on a
  // thread of os::StartThread.
  os::Error Sync(const os::File& file);

  // Takes back what was said, so that nothing of the file stays locked. Costs nothing if that is nothing.
  void Rest(const os::File& file);

 private:
  struct Round {
    uint64_t number = 0;
    bool is_done = false;
  };

  // A round from `first` to before `end` of which another process says something, not always the first.
  // False: nobody knows.
  static bool Find(const os::File& file, uint64_t first, uint64_t end, std::optional<Round>* out);
  // Whether this round is done, or one that began later.
  static bool IsDone(const os::File& file, uint64_t number);
  // From now on, whoever leads the next round waits for this one to come back. The one before waits no
  // longer.
  void Arrive(const os::File& file, uint64_t number);
  // Waits, as long as it pays, for those who were in the round before.
  void Gather(const os::File& file, uint64_t number);
  // Whether the round is over, however it ended.
  bool WaitFor(const os::File& file, uint64_t number);
  // Of who is covered by the sync of another: the error of a write of his own that was lost.
  os::Error Covered(const os::File& file);
  // With the turn of the round, which is given up.
  os::Error Lead(const os::File& file, uint64_t number);

  const std::chrono::milliseconds max_wait_;
  uint64_t last_ = 0;  // the last round known to have begun
  int alone_ = 0;      // so many syncs more are made for himself
  bool has_said_ = false;
  uint64_t absence_ = 0;              // of this round, which is said; 0: none
  std::chrono::nanoseconds sync_{0};  // how long one takes: the last ones count most
  int rests_ = 0;                     // so many rounds more do not wait for anybody
  int in_vain_ = 0;                   // how many they were, the last time
  std::optional<bool> is_possible_;
  lock::Interrupt interrupt_;
};

}  // namespace holdfast::append

#endif  // HOLDFAST_APPEND_SHARED_SYNC_H_
