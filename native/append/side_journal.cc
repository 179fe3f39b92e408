#include "append/side_journal.h"

#include <errno.h>

#include <algorithm>
#include <cstddef>
#include <new>
#include <optional>

#include "dedupe/mark.h"
#include "files/names.h"
#include "os/boot.h"
#include "os/directory.h"
#include "os/random.h"

namespace holdfast::append {
namespace {

using journal::Head;
using journal::Record;

template <typename T>
char* BytesOf(T* value) {
  return reinterpret_cast<char*>(value);
}

template <typename T>
const char* BytesOf(const T* value) {
  return reinterpret_cast<const char*>(value);
}

// The head in one of the two places.
std::optional<Head> ReadHead(const os::File& journal, uint64_t epoch) {
  char bytes[journal::kPage + sizeof(Head)];
  const uint64_t at = journal::HeadAt(epoch);
  if (journal.ReadAt(at, bytes + at, sizeof(Head))) return std::nullopt;
  return journal::HeadIn({bytes, sizeof bytes}, at);
}

// The latest one.
std::optional<Head> ReadHeads(const os::File& journal) {
  const std::optional<Head> one = ReadHead(journal, 0), other = ReadHead(journal, 1);
  return one && (!other || one->epoch > other->epoch) ? one : other;
}

// Gives the journal its blocks, so that a later sync has nothing to write but data.
os::Error Fill(const std::string& path, const os::File& journal) {
  const std::string zeros(size_t{1} << 20, '\0');
  for (uint64_t at = 0; at < journal::kSize; at += zeros.size()) {
    if (os::Error error = journal.WriteAt(at, zeros.data(), zeros.size())) return error;
  }
  if (os::Error error = journal.Sync(os::Durability::kFull)) return error;
  return os::SyncDirectory(path, false);
}

}  // namespace

std::string JournalPath(const std::string& path, const os::File& file) {
  return files::JournalPath(os::TargetOf(path, file));
}

uint64_t BornOf(const os::File& file) {
  os::FileTimes times;
  if (file.Times(&times) || !times.born) return 0;
  return static_cast<uint64_t>(times.born->count());
}

uint64_t BootHash() {
  const std::string id = os::BootId();
  return id.empty() ? 0 : dedupe::Hash({}, id);
}

os::Error WriteHead(const os::File& journal, const os::File& chronicle, uint64_t from, Head* head) {
  Head next;
  next.epoch = head->epoch + 1;
  next.from = from;
  next.born = BornOf(chronicle);
  next.boot = BootHash();
  if (os::Error error = os::RandomBytes(&next.key, sizeof next.key)) return error;
  if (!dedupe::HashMark(chronicle, next.key, from, &next.mark)) return {EIO, "read"};
  next.checksum = ChecksumOf(next);
  *head = next;
  return journal.WriteAt(journal::HeadAt(next.epoch), BytesOf(&next), sizeof next);
}

void SideJournal::FileChanged() {
  journal_.Close();
  is_refused_ = false;
  head_ = {};
}

bool SideJournal::Add(const os::File& chronicle, uint64_t size, std::string_view prefix,
                      std::string_view data, uint64_t durable) {
  try {
    return AddRecord(chronicle, size, prefix, data, durable);
  } catch (const std::bad_alloc&) {
    return false;
  }
}

bool SideJournal::AddRecord(const os::File& chronicle, uint64_t size, std::string_view prefix,
                            std::string_view data, uint64_t durable) {
  if (journal_.is_open() && !IsThere()) FileChanged();
  if (!journal_.is_open() && (is_refused_ || !Open(chronicle))) return false;
  Follow();
  const uint64_t end = size + prefix.size() + data.size();
  if (!CanGoOn(size) || !Fits(end - end_)) {
    // Whatever of this file only the records have is lost with them.
    const bool is_all_durable = head_.born != born_ || durable >= std::min(end_, size);
    if (durable == 0 || durable > size || !is_all_durable) return false;
    if (journal::SpaceFor(end - durable) > bytes_ - journal::kFirstRecord) return false;
    if (!Begin(chronicle, durable)) return false;
  }
  std::string buffer;
  if (end_ < size || !prefix.empty()) {
    buffer.resize(static_cast<size_t>(size - end_));
    if (chronicle.ReadAt(end_, buffer.data(), buffer.size())) return false;
    buffer += prefix;
    buffer += data;
    data = buffer;
  }
  // The bytes first: whoever finds the record goes on behind it, and a kill may come between any two pages.
  const Record record = MakeRecord(head_, end_, data);
  if (journal_.WriteAt(next_ + sizeof record, data.data(), data.size())) return false;
  if (journal_.WriteAt(next_, BytesOf(&record), sizeof record)) return false;
  next_ += journal::SpaceFor(data.size());
  end_ = end;
  return true;
}

void SideJournal::Distrust() const {
  const uint64_t word = 1;
  if (journal_.is_open()) journal_.WriteAt(journal::kSuspectAt, BytesOf(&word), sizeof word);
}

void SideJournal::Empty(const os::File& chronicle, uint64_t size) {
  if (!journal_.is_open()) return;
  Follow();
  if (head_.epoch != 0 && head_.born == born_ && size != 0) Begin(chronicle, size);
}

// The journal that is there, or a new one. Refused is one for a file in which nothing could be put back.
bool SideJournal::Open(const os::File& chronicle) {
  is_refused_ = true;
  born_ = BornOf(chronicle);
  if (born_ == 0 || !chronicle.IsLocal()) return false;
  const std::string target = os::TargetOf(path_, chronicle);
  const std::string name = files::JournalPath(target);
  os::File file, to_overwrite;
  if (os::File::OpenToOverwrite(target, &to_overwrite)) return false;
  // One that others may have written to, too, is neither believed nor removed: somebody may be using it.
  os::Error error = os::File::OpenBeside(name, chronicle, os::Beside::kThereToOverwrite, &file);
  if (error.number == ENOENT) {
    error = os::File::OpenBeside(name, chronicle, os::Beside::kMadeToOverwrite, &file);
  }
  if (error) return false;
  if (file.Size(&bytes_)) return false;
  if (bytes_ < journal::kMinSize) {
    if (Fill(name, file)) return false;
    bytes_ = journal::kSize;
  }
  if (bytes_ > journal::kMaxSize) return false;
  journal_ = std::move(file);
  name_ = name;
  is_refused_ = false;
  head_ = {};
  Follow();
  opened_in_ = head_.epoch;
  return true;
}

// Whether nobody has removed it.
bool SideJournal::IsThere() const {
  uint64_t links = 0;
  return !journal_.Links(&links) && links != 0;
}

// Sees what others have added, and which epochs they have begun.
void SideJournal::Follow() {
  std::optional<Head> next = head_.epoch == 0 ? ReadHeads(journal_) : ReadHead(journal_, head_.epoch + 1);
  if (next && next->epoch > head_.epoch) {
    // Others may have begun more than one.
    head_ = ReadHeads(journal_).value_or(*next);
    next_ = journal::kFirstRecord;
    end_ = head_.from;
  }
  if (head_.epoch == 0) return;
  while (bytes_ - next_ >= sizeof(Record)) {
    Record record;
    if (journal_.ReadAt(next_, BytesOf(&record), sizeof record)) return;
    if (!IsRecord(record, head_, end_) || record.length > bytes_ || !Fits(record.length)) return;
    next_ += journal::SpaceFor(record.length);
    end_ += record.length;
  }
}

bool SideJournal::CanGoOn(uint64_t size) const {
  return head_.epoch > opened_in_ && head_.born == born_ && end_ <= size;
}

bool SideJournal::Begin(const os::File& chronicle, uint64_t from) {
  uint64_t suspect = 0;
  if (journal_.ReadAt(journal::kSuspectAt, BytesOf(&suspect), sizeof suspect) || suspect != 0) return false;
  if (WriteHead(journal_, chronicle, from, &head_)) {
    // It may be there or not.
    FileChanged();
    is_refused_ = true;
    return false;
  }
  next_ = journal::kFirstRecord;
  end_ = from;
  return true;
}

}  // namespace holdfast::append
