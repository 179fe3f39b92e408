#include "lock/fence.h"

#include <errno.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "lock/named_file.h"
#include "os/directory.h"

namespace holdfast::lock {
namespace {

constexpr size_t kDigits = 16;
constexpr size_t kBytes = 27;

// Whoever makes or removes the file at the same time is done by then.
constexpr int kMaxTries = 100;

struct Token {
  uint64_t number = 0;  // 0: there is none yet
  Mode mode = Mode::kExclusive;
};

std::string TextOf(const Token& token) {
  char text[kBytes + 1];
  std::snprintf(text, sizeof text, "%016llu %-9s\n", static_cast<unsigned long long>(token.number),
                token.mode == Mode::kShared ? "shared" : "exclusive");
  return text;
}

os::Error Read(const os::File& file, Token* out) {
  uint64_t size = 0;
  if (os::Error error = file.Size(&size)) return error;
  std::string text(static_cast<size_t>(std::min<uint64_t>(size, kBytes)), '\0');
  if (os::Error error = file.ReadAt(0, text.data(), text.size())) return error;
  *out = {};
  // Made, and nothing synced yet: a power loss may keep the size of what was written and not the bytes.
  if (text.find_first_not_of('\0') == std::string::npos) return {};
  for (size_t i = 0; i < std::min(text.size(), kDigits); i++) {
    if (text[i] < '0' || text[i] > '9') return {EIO, "read"};
    out->number = out->number * 10 + static_cast<uint64_t>(text[i] - '0');
  }
  out->mode = text.size() > kDigits + 1 && text[kDigits + 1] == 's' ? Mode::kShared : Mode::kExclusive;
  return text == TextOf(*out) ? os::Error{} : os::Error{EIO, "read"};
}

uint64_t MillisecondsNow() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

// The file beside the lock file is open, and locked alone.
os::Error Advance(const os::File& file, const std::string& name, Mode mode, uint64_t* number) {
  Token token;
  if (os::Error error = Read(file, &token)) return error;
  const bool is_new = token.number == 0;
  if (is_new) token.number = MillisecondsNow();
  // Those who share a lock do not shut each other out.
  const bool is_same = !is_new && token.mode == Mode::kShared && mode == Mode::kShared;
  if (!is_same) {
    if (!is_new) token.number++;
    token.mode = mode;
    const std::string text = TextOf(token);
    if (os::Error error = file.WriteAt(0, text.data(), text.size())) return error;
  }
  // Even if nothing was written: who wrote it may have been killed before he synced it.
  if (os::Error error = file.Sync(os::Durability::kData)) return error;
  if (is_new) {
    if (os::Error error = os::SyncDirectory(name, false)) return error;
  }
  *number = token.number;
  return {};
}

Place PlaceOf(const os::File& file) {
  return file.IsLocal() ? Place::kLocal : Place::kNetwork;
}

os::Error OpenLockFile(const std::string& path, os::File* out) {
  os::LockAccess access;
  access.create = access.follow = false;
  if (os::Error error = os::File::OpenForLock(path, access, out)) return error;
  return out->CheckRegular();
}

}  // namespace

os::Error NextFence(const std::string& path, Mode mode, uint64_t* token) {
  *token = 0;
  os::File lock_file;
  if (os::Error error = OpenLockFile(path, &lock_file)) return error;
  const std::string name = path + kFenceSuffix;
  const Spec alone;
  for (int tries = 0; tries < kMaxTries; tries++) {
    os::File file;
    os::Error error = os::File::OpenBeside(name, lock_file, os::Beside::kMadeToOverwrite, &file);
    if (error.number == EEXIST) continue;
    os::FileId id;
    if (!error) error = file.Id(&id);
    if (error) return error.Of(name);
    Attempt attempt = kFlock.try_lock(file, alone, &error);
    if (attempt == Attempt::kGranted) attempt = KeepIfNamed(name, PlaceOf(file), id, alone, &file, &error);
    if (attempt == Attempt::kMoved) continue;
    if (attempt == Attempt::kBusy) return {};
    if (attempt != Attempt::kGranted) return error.Of(name);
    error = Advance(file, name, mode, token);
    kFlock.unlock(file, alone);
    return error.Of(name);
  }
  return {};
}

Attempt HeldFence::Hold(const std::string& path, const std::function<Interrupt*()>& interrupt,
                        uint64_t* token, os::Error* error) {
  const Attempt attempt = Lock(path, interrupt, error);
  if (attempt == Attempt::kGranted) {
    Token now;
    *error = Read(file_, &now);
    *token = now.number;
    if (!*error) return attempt;
    Release();
  }
  *error = error->Of(path + kFenceSuffix);
  return *error ? Attempt::kFailed : attempt;
}

Attempt HeldFence::Lock(const std::string& path, const std::function<Interrupt*()>& interrupt,
                        os::Error* error) {
  const std::string name = path + kFenceSuffix;
  Spec shared;
  shared.mode = Mode::kShared;
  Attempt attempt = Attempt::kMoved;
  while (attempt == Attempt::kMoved) {
    // It says whose files are believed. Where it is gone, the owner of the directory does.
    os::File lock_file;
    if (OpenLockFile(path, &lock_file)) lock_file.Close();
    os::FileId id;
    *error = os::File::OpenBelieved(name, lock_file, false, &file_);
    if (!*error) *error = file_.Id(&id);
    if (*error) break;
    attempt = kFlock.try_lock(file_, shared, error);
    if (attempt == Attempt::kBusy) {
      Interrupt* const by = interrupt();
      while (!by->Due()) {
        attempt = by->Wait(&file_, Opened::kForLock, shared, error);
        if (attempt != Attempt::kInterrupted) break;
      }
    }
    if (attempt == Attempt::kGranted) {
      attempt = KeepIfNamed(name, PlaceOf(file_), id, shared, &file_, error);
    }
  }
  if (attempt != Attempt::kGranted) file_.Close();
  return *error ? Attempt::kFailed : attempt == Attempt::kBusy ? Attempt::kInterrupted : attempt;
}

void HeldFence::Release() {
  if (!is_held()) return;
  Spec shared;
  shared.mode = Mode::kShared;
  kFlock.unlock(file_, shared);
  file_.Close();
}

}  // namespace holdfast::lock
