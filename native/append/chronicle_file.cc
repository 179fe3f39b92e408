#include "append/chronicle_file.h"

#include <errno.h>

#include <cassert>
#include <chrono>
#include <thread>

#include "lock/named_file.h"

namespace holdfast::append {

using lock::Attempt;

namespace {

// Between two tries to open a file on which somebody has a lease (see lock/named_file.h). Each try asks him
// to give it up, and nothing tells when he has.
constexpr std::chrono::milliseconds kLeasePause{5};

}  // namespace

os::Error ChronicleFile::Open() {
  if (is_open()) return {};
  const os::Error error = lock::OpenForAppend(path_, &file_, &id_);
  if (!error) place_ = file_.IsLocal() ? lock::Place::kLocal : lock::Place::kNetwork;
  return error;
}

ChronicleFile::LockResult ChronicleFile::Lock(const std::function<lock::Interrupt*()>& interrupt) {
  assert(!locked_);
  const lock::Spec whole;
  const auto began = os::Clock::now();
  LockResult result{Attempt::kMoved, {}, false, {}};
  while (result.attempt == Attempt::kMoved) {
    if (!is_open()) {
      result.opened_anew = true;
      result.error = Open();
      if (result.error.number == EAGAIN) {
        lock::Interrupt* const by = interrupt();
        if (by != nullptr && !by->Due()) {
          std::this_thread::sleep_for(kLeasePause);
          continue;
        }
        result.attempt = by == nullptr ? Attempt::kBusy : Attempt::kInterrupted;
        break;
      }
      if (result.error) {
        result.attempt = Attempt::kFailed;
        break;
      }
    }
    result.attempt = lock::kFlock.try_lock(file_, whole, &result.error);
    if (result.attempt == Attempt::kBusy) {
      lock::Interrupt* const by = interrupt();
      if (by == nullptr) break;
      const lock::Claim claim(owner_, {id_, whole}, [by] { by->Now(); });
      while (!by->Due()) {
        result.attempt = by->Wait(&file_, lock::Opened::kForAppend, whole, &result.error);
        if (result.attempt != Attempt::kInterrupted) break;
      }
      if (result.attempt != Attempt::kGranted && claim.IsDeadlock()) {
        result.attempt = Attempt::kFailed;
        result.error = {EDEADLK, "lock"};
      }
    }
    if (result.attempt == Attempt::kGranted) {
      result.attempt = lock::KeepIfNamed(path_, place_, id_, whole, &file_, &result.error);
    }
  }
  locked_ = result.attempt == Attempt::kGranted;
  result.waited = std::chrono::duration_cast<std::chrono::nanoseconds>(os::Clock::now() - began);
  return result;
}

void ChronicleFile::Unlock() {
  if (locked_) lock::kFlock.unlock(file_, lock::Spec{});
  locked_ = false;
}

os::Error ChronicleFile::GoOnIn(os::File next) {
  Unlock();
  file_ = std::move(next);
  const os::Error error = file_.Id(&id_);
  locked_ = !error;
  if (error) file_.Close();
  return error;
}

void ChronicleFile::Close() {
  assert(!locked_);
  file_.Close();
}

os::Error ChronicleFile::Append(uint64_t size, bool heal, const std::string& data, bool* wrote) {
  assert(locked_);
  *wrote = true;
  const os::Error error = file_.Append("\n", heal ? 1 : 0, data.data(), data.size());
  // A part of it may be in the file. Its callers are told that it failed, so it must go.
  if (error) *wrote = static_cast<bool>(file_.Truncate(size));
  return error;
}

}  // namespace holdfast::append
