#include "append/shared_sync.h"

#ifdef __linux__

#include <errno.h>
#include <fcntl.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "lock/mechanism.h"
#include "os/clock.h"
#include "os/posix.h"
#include "os/system_calls.h"

namespace holdfast::append {
namespace {

using lock::Attempt;
using lock::Mode;
using lock::Spec;

constexpr uint64_t kRounds = lock::kMarks;
constexpr uint64_t kTurns = kRounds + (uint64_t{1} << 61);
constexpr uint64_t kAbsences = kTurns + (uint64_t{1} << 60);

// Bytes for each round, so that what one process says of two never becomes one lock.
constexpr uint64_t kStride = 4;
constexpr uint64_t kEndOfRounds = (kTurns - kRounds) / kStride;

// How many bytes of a round are locked.
constexpr uint64_t kBegun = 1;
constexpr uint64_t kDone = 2;

// After a wait that was too long, so many syncs are made without waiting for anybody: the disk may be slow,
// or a leader stopped.
constexpr int kAlone = 16;

// A leader waits for those who are absent no longer than this part of a sync: half. If that was in vain, it
// does not for some rounds, and for more of them each time.
constexpr int kGatheringShare = 2;

// So long he looks out for them without sleeping, which would take as long; then he sleeps for this part of a
// sync.
constexpr auto kMaxLookOut = std::chrono::microseconds(100);
constexpr int kNaps = 16;
constexpr int kMaxRests = 15;

Spec RoundOf(uint64_t number, uint64_t length) {
  return {lock::Kind::kFcntl, Mode::kExclusive, kRounds + number * kStride, length};
}

Spec RoundsBefore(uint64_t number) {
  return {lock::Kind::kFcntl, Mode::kExclusive, kRounds, number * kStride};
}

Spec TurnOf(uint64_t number, Mode mode) {
  return {lock::Kind::kFcntl, mode, kTurns + number, 1};
}

Spec AbsenceOf(uint64_t number, Mode mode) {
  return {lock::Kind::kFcntl, mode, kAbsences + number, 1};
}

bool Take(const os::File& file, const Spec& spec) {
  os::Error ignored;
  return lock::kFcntl.try_lock(file, spec, &ignored) == Attempt::kGranted;
}

void Drop(const os::File& file, const Spec& spec) {
  lock::kFcntl.unlock(file, spec);
}

// A lock of another open file on some of the bytes of `spec`, of the other mode. False: the kernel cannot be
// asked.
bool FindOther(const os::File& file, const Spec& spec, std::optional<Spec>* out) {
  struct flock lock = {};
  const short asked = spec.mode == Mode::kExclusive ? F_WRLCK : F_RDLCK;
  lock.l_type = asked;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(spec.start);
  lock.l_len = static_cast<off_t>(spec.length);
  if (os::system_calls.fcntl(file.handle(), F_OFD_GETLK, &lock) != 0) return false;
  out->reset();
  if (lock.l_type != F_UNLCK && lock.l_type != asked) {
    *out = spec;
    (*out)->start = static_cast<uint64_t>(lock.l_start);
    (*out)->length = static_cast<uint64_t>(lock.l_len);
  }
  return true;
}

}  // namespace

void SharedSync::FileChanged() {
  last_ = 0;
  alone_ = 0;
  has_said_ = false;
  absence_ = 0;
  is_possible_.reset();
}

bool SharedSync::Find(const os::File& file, uint64_t first, uint64_t end, std::optional<Round>* out) {
  out->reset();
  std::optional<Spec> found;
  // Shared locks are not looked for: who may only read the file has nothing to say.
  Spec wanted = RoundOf(first, (end - first) * kStride);
  wanted.mode = Mode::kShared;
  if (!FindOther(file, wanted, &found)) return false;
  if (!found) return true;
  // A lock of any other form is somebody else's, and may hide what is looked for.
  if (found->start < wanted.start || (found->start - kRounds) % kStride != 0) return false;
  if (found->length != kBegun && found->length != kDone) return false;
  *out = Round{(found->start - kRounds) / kStride, found->length == kDone};
  return true;
}

bool SharedSync::IsDone(const os::File& file, uint64_t number) {
  std::optional<Round> round;
  if (Find(file, number, number + 1, &round) && round) return round->is_done;
  // Its leader may have led another one since, which then began after it and covers as much.
  while (Find(file, number, kEndOfRounds, &round) && round) {
    if (round->is_done) return true;
    number = round->number + 1;
  }
  return false;
}

bool SharedSync::WaitFor(const os::File& file, uint64_t number) {
  const Spec turn = TurnOf(number, Mode::kShared);
  std::optional<Spec> holder;
  // Who has locked the whole file is not waited for.
  if (!FindOther(file, turn, &holder) || !holder || holder->start != turn.start) return true;
  interrupt_.At(os::Clock::now() + max_wait_);
  os::Error ignored;
  Attempt attempt;
  do {
    // Takes a file that may change, because on Windows it is closed. Here it stays what it is.
    attempt = interrupt_.Wait(const_cast<os::File*>(&file), lock::Opened::kForAppend, turn, &ignored);
  } while (attempt == Attempt::kInterrupted && !interrupt_.Due());
  if (attempt == Attempt::kGranted) Drop(file, turn);
  return attempt != Attempt::kInterrupted;
}

void SharedSync::Arrive(const os::File& file, uint64_t number) {
  const uint64_t before = std::exchange(absence_, number + 1);
  Take(file, AbsenceOf(absence_, Mode::kShared));
  if (before != 0 && before != absence_) Drop(file, AbsenceOf(before, Mode::kShared));
}

void SharedSync::Gather(const os::File& file, uint64_t number) {
  if (rests_ > 0) {
    rests_--;
    return;
  }
  const auto began = os::Clock::now();
  const auto until = began + sync_ / kGatheringShare;
  std::optional<Spec> absent;
  while (FindOther(file, AbsenceOf(number, Mode::kExclusive), &absent) && absent) {
    const auto now = os::Clock::now();
    if (now >= until) {
      rests_ = in_vain_ = std::min(2 * in_vain_ + 1, kMaxRests);
      return;
    }
    if (now - began < kMaxLookOut) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(sync_ / kNaps);
    }
  }
  in_vain_ = 0;
}

os::Error SharedSync::Lead(const os::File& file, uint64_t number) {
  last_ = number;
  has_said_ = Take(file, RoundOf(number, kBegun));
  const auto began = os::Clock::now();
  const os::Error error = file.Sync(os::Durability::kData);
  const auto took = os::Clock::now() - began;
  sync_ += sync_.count() == 0 ? took : (took - sync_) / 8;
  // What was said before stays until here, for those who waited for that and have not looked yet.
  if (has_said_ && !error) Take(file, RoundOf(number, kDone));
  Drop(file, RoundsBefore(number));
  Drop(file, TurnOf(number, Mode::kExclusive));
  return error;
}

os::Error SharedSync::Sync(const os::File& file) {
  if (!is_possible_) is_possible_ = os::TellsOfLostWrites(file);
  if (!*is_possible_ || alone_ > 0) {
    alone_ -= *is_possible_ ? 1 : 0;
    return file.Sync(os::Durability::kData);
  }
  bool is_running = false;
  for (std::optional<Round> round;; is_running = !round->is_done) {
    if (!Find(file, last_ + 1, kEndOfRounds, &round)) return file.Sync(os::Durability::kData);
    if (!round) break;
    last_ = round->number;
  }
  const uint64_t number = last_ + 1;
  const bool leads = Take(file, TurnOf(number, Mode::kExclusive));
  Arrive(file, number);
  if (leads) {
    if (is_running && !WaitFor(file, last_)) {
      alone_ = kAlone;
    } else {
      Gather(file, number);
    }
    return Lead(file, number);
  }
  // That round may have begun by now, but it had not when the last one was looked for.
  if (WaitFor(file, number)) {
    return IsDone(file, number) ? Covered(file) : file.Sync(os::Durability::kData);
  }
  alone_ = kAlone;
  // Its leader may be stopped before it began. A later round makes everybody forget it.
  if (Take(file, TurnOf(number + 1, Mode::kExclusive))) return Lead(file, number + 1);
  return file.Sync(os::Durability::kData);
}

os::Error SharedSync::Covered(const os::File& file) {
  const os::Error error = os::LostWrite(file);
  if (!error || error.number == EIO || error.number == ENOSPC || error.number == EDQUOT) return error;
  // The system does not answer that: from now on he syncs for himself.
  is_possible_ = false;
  return file.Sync(os::Durability::kData);
}

void SharedSync::Rest(const os::File& file) {
  if (absence_ != 0) Drop(file, {lock::Kind::kFcntl, Mode::kExclusive, kRounds, 0});
  has_said_ = false;
  absence_ = 0;
}

}  // namespace holdfast::append

#else

// macOS, where fcntl and flock locks see each other, and Windows, whose locks are mandatory.
namespace holdfast::append {

void SharedSync::FileChanged() {}

os::Error SharedSync::Sync(const os::File& file) {
  return file.Sync(os::Durability::kData);
}

void SharedSync::Rest(const os::File&) {}

}  // namespace holdfast::append

#endif
