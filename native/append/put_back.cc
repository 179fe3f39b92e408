#include "append/put_back.h"

#include <errno.h>

#include <algorithm>
#include <new>
#include <optional>

#include "append/chronicle_file.h"
#include "append/journal_format.h"
#include "append/side_journal.h"
#include "dedupe/mark.h"
#include "lock/interrupt.h"
#include "os/clock.h"

namespace holdfast::append {
namespace {

using journal::Found;
using journal::Piece;

// A journal, and whether the file lacks something that it has.
struct Look {
  std::string bytes;
  std::optional<journal::Content> content;
  bool is_needed = false;
};

os::Error FindPiece(const os::File& chronicle, uint64_t size, const Piece& piece, Found* found) {
  std::string bytes;
  if (size > piece.offset) bytes.resize(std::min<uint64_t>(size - piece.offset, piece.bytes.size()));
  if (os::Error error = chronicle.ReadAt(piece.offset, bytes.data(), bytes.size())) return error;
  *found = journal::Compare(piece.bytes, bytes);
  return {};
}

os::Error LookInto(const os::File& journal, const os::File& chronicle, Look* out) {
  uint64_t length = 0, size = 0, mark = 0;
  if (os::Error error = journal.Size(&length)) return error;
  if (length < journal::kMinSize || length > journal::kMaxSize) return {};
  std::string& bytes = out->bytes;
  bytes.resize(journal::kFirstRecord);
  if (os::Error error = journal.ReadAt(0, bytes.data(), bytes.size())) return error;
  out->content = journal::ContentOf(bytes);
  if (!out->content || out->content->head.born == 0) return {};
  if (out->content->head.born != BornOf(chronicle)) return {};
  bytes.resize(static_cast<size_t>(length));
  if (os::Error error = journal.ReadAt(0, bytes.data(), bytes.size())) return error;
  out->content = journal::ContentOf(bytes);
  // Somebody else may have begun an epoch meanwhile.
  if (!out->content || out->content->head.born != BornOf(chronicle)) return {};
  const journal::Head& head = out->content->head;
  if (os::Error error = chronicle.Size(&size)) return error;
  if (size < head.from || !dedupe::HashMark(chronicle, head.key, head.from, &mark) || mark != head.mark) {
    return {};
  }
  bool is_needed = out->content->is_suspect;
  const bool is_same_start = head.boot != 0 && head.boot == BootHash();
  for (const Piece& piece : out->content->pieces) {
    Found found = Found::kWhole;
    if (os::Error error = FindPiece(chronicle, size, piece, &found)) return error;
    if (found == Found::kOther && is_same_start) return {};
    if (found != Found::kWhole) is_needed = true;
  }
  out->is_needed = is_needed;
  return {};
}

// The file of the chronicle, opened to be overwritten.
os::Error OpenSame(const std::string& path, const os::File& chronicle, os::File* out) {
  os::FileId id, same;
  if (os::Error error = os::File::OpenToOverwrite(os::TargetOf(path, chronicle), out)) return error;
  if (os::Error error = chronicle.Id(&id)) return error;
  if (os::Error error = out->Id(&same)) return error;
  return id == same ? os::Error{} : os::Error{EBUSY, "open"};
}

os::Error Write(const std::string& path, const os::File& chronicle, const os::File& journal, Look* look) {
  os::File file;
  if (os::Error error = OpenSame(path, chronicle, &file)) return error;
  uint64_t end = look->content->head.from;
  // All of them: after a sync that failed, what the file seems to have may be nowhere but in memory.
  for (const Piece& piece : look->content->pieces) {
    if (os::Error error = file.WriteAt(piece.offset, piece.bytes.data(), piece.bytes.size())) return error;
    end = piece.offset + piece.bytes.size();
  }
  if (os::Error error = file.Sync(os::Durability::kData)) return error;
  const uint64_t word = 0;
  if (os::Error error =
          journal.WriteAt(journal::kSuspectAt, reinterpret_cast<const char*>(&word), sizeof word)) {
    return error;
  }
  if (end == 0) return {};
  if (os::Error error = WriteHead(journal, chronicle, end, &look->content->head)) return error;
  return journal.Sync(os::Durability::kData);
}

// What says that a journal is none of ours, or that there is none.
bool IsNone(const os::Error& error) {
  return error.number == ENOENT || error.number == EPERM || error.number == ELOOP || error.number == EISDIR ||
         error.number == ENXIO;
}

}  // namespace

os::Error PutBack(const std::string& path, const os::File& chronicle) {
  const std::string name = JournalPath(path, chronicle);
  os::File journal;
  os::Error error = os::File::OpenBeside(name, chronicle, os::Beside::kThereToOverwrite, &journal);
  const bool may_only_read = error.number == EACCES || error.number == EROFS;
  const os::Error refused = error;
  if (may_only_read) error = os::File::OpenBelieved(name, chronicle, false, &journal);
  if (IsNone(error)) return {};
  try {
    Look look;
    if (!error) error = LookInto(journal, chronicle, &look);
    if (!error && look.is_needed) error = may_only_read ? refused : Write(path, chronicle, journal, &look);
  } catch (const std::bad_alloc&) {
    error = {ENOMEM, "read"};
  }
  return error.Of(name);
}

os::Error PutBackBeforeReading(const std::string& path, std::chrono::milliseconds patience) {
  os::File chronicle, journal;
  // Whoever cannot open the file learns so when he reads.
  if (os::File::OpenForReading(path, &chronicle)) return {};
  const std::string name = JournalPath(path, chronicle);
  os::Error error = os::File::OpenBelieved(name, chronicle, false, &journal);
  if (IsNone(error) || error.number == EACCES) return {};
  Look look;
  if (!error) error = LookInto(journal, chronicle, &look);
  if (error || !look.is_needed) return error.Of(name);
  journal.Close();
  chronicle.Close();
  ChronicleFile file(path, nullptr);
  lock::Interrupt interrupt;
  interrupt.At(os::Clock::now() + patience);
  const auto locked = file.Lock([&interrupt] { return &interrupt; });
  if (locked.error) return locked.error;
  if (locked.attempt != lock::Attempt::kGranted) return {ETIMEDOUT, "lock"};
  error = PutBack(path, file.get());
  file.Unlock();
  return error;
}

}  // namespace holdfast::append
