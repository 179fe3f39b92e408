// The side journal of a chronicle, `<path>.journal`: what is appended is synced here, and the chronicle's
// file only now and then. A file system with a journal of its own writes that at each sync of a file that
// grows; this one has all its blocks and never grows, so a sync writes nothing but data.
//
// It is never less safe than a sync of the file:
//
//   - Whoever commits writes its record under the lock of the chronicle, after the lines, and syncs the
//   journal when the lock is free (promise C10). A record is about all that is in the file since the record
//   before, whoever has written that; so one sync of the journal makes durable whatever is before it.
//   - When a record does not fit, the file is synced in place of the journal. That is the checkpoint: whoever
//   knows the file to be durable up to where the records end begins a new epoch, which overwrites them. Its
//   head and its first record are synced together. If a crash leaves one and not the other, nobody was told
//   of anything that only they have.
//   - Whatever else is in the way (no journal can be made, another file, a file that was truncated, a sync
//   that failed) has the file synced, as if there was no journal.
//   - Nobody goes on in an epoch that was begun before he opened the journal: a failed sync is told only to
//   those who had the file open, and what it lost is not in the records for anybody else to see. Likewise a
//   failed sync of the chronicle's file is noted in the journal (Distrust), and ends its epochs until
//   put_back.h has written the lines to the file anew.
//
// It is tied to the chronicle's file by that one's time of birth, which no other file of the name has, and
// which stays the same when the system starts again. A file system that has no such time gets no journal, nor
// does one that is not of this machine: a server may crash alone.
#ifndef HOLDFAST_APPEND_SIDE_JOURNAL_H_
#define HOLDFAST_APPEND_SIDE_JOURNAL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "append/journal_format.h"
#include "os/file.h"

namespace holdfast::append {

// The journal of the chronicle at `path`, which leads to `file`.
std::string JournalPath(const std::string& path, const os::File& file);

// When the file was made; 0: nobody knows.
uint64_t BornOf(const os::File& file);
uint64_t BootHash();

class SideJournal {
 public:
  // `path` of the chronicle.
  explicit SideJournal(std::string path) : path_(std::move(path)) {}

  // The path of the chronicle names another file from now on.
  void FileChanged();

  // To be called under the lock of the chronicle's file: it had `size` bytes, and `prefix` and `data` were
  // appended to it. `durable` is up to where the file itself is known to be durable. True: Sync makes it
  // durable up to its end. Else the file is to be synced.
  bool Add(const os::File& chronicle, uint64_t size, std::string_view prefix, std::string_view data,
           uint64_t durable);

  // What was added, by this process and others.
  os::Error Sync() const { return journal_.Sync(os::Durability::kData).Of(name_); }

  // A sync of the chronicle's file failed.
  void Distrust() const;

  // Under the lock: leaves no record behind that might be taken for what the file lost, if the file, which
  // has `size` bytes and is durable, has all of it.
  void Empty(const os::File& chronicle, uint64_t size);

 private:
  bool Open(const os::File& chronicle);
  bool AddRecord(const os::File& chronicle, uint64_t size, std::string_view prefix, std::string_view data,
                 uint64_t durable);
  bool IsThere() const;
  void Follow();
  bool CanGoOn(uint64_t size) const;
  bool Fits(uint64_t length) const { return journal::SpaceFor(length) <= bytes_ - next_; }
  bool Begin(const os::File& chronicle, uint64_t from);

  const std::string path_;
  std::string name_;  // of the journal
  os::File journal_;
  bool is_refused_ = false;  // for the file that is open
  uint64_t bytes_ = 0;       // the size of the journal
  uint64_t born_ = 0;        // of the chronicle's file
  // The latest epoch when the journal was opened.
  uint64_t opened_in_ = 0;
  journal::Head head_;  // of the epoch that is followed; epoch 0: there is none yet
  uint64_t next_ = 0;   // where its next record will be
  uint64_t end_ = 0;    // of the chronicle's file, as far as the records go
};

// Writes the head of the epoch after `head`, about the chronicle's file from `from` on.
os::Error WriteHead(const os::File& journal, const os::File& chronicle, uint64_t from, journal::Head* head);

}  // namespace holdfast::append

#endif  // HOLDFAST_APPEND_SIDE_JOURNAL_H_
