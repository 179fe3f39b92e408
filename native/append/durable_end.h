// The durable end of a chronicle: everything that is synced for an append, and how far the file is known to
// be durable already.
//
// The directory entry of a new file counts too (promise C9): whoever finds the file empty, under the lock,
// syncs the directories above it before the first byte is written; and whoever finds it with something in it,
// before its own first append is acknowledged, because those who wrote before may have synced nothing.
#ifndef HOLDFAST_APPEND_DURABLE_END_H_
#define HOLDFAST_APPEND_DURABLE_END_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "append/shared_sync.h"
#include "os/directory.h"
#include "os/file.h"

namespace holdfast::append {

class DurableEnd {
 public:
  // With Durability::kNone, everything here does nothing.
  DurableEnd(std::string path, os::Durability durability) : path_(std::move(path)), durability_(durability) {}

  // The path names another file from now on.
  void FileChanged() {
    end_ = 0;
    directory_is_durable_ = false;
    entries_.Close();
    seen_.reset();
    company_ = 0;
    shared_sync_.FileChanged();
  }

  // What is in the file from `offset` on is new. `offset` is its size before a write.
  void Written(uint64_t offset);

  // Makes the directory entry durable. To be called under the lock, before the first byte of an empty file.
  os::Error SyncDirectory();

  // Opens what MakeDurable needs besides the file: its directories, and rotated files. To be called before
  // anything is written, because it may fail. A rotated file that is gone was removed because it was too old,
  // and is left out.
  os::Error Prepare(const os::File& file, const std::vector<std::string>& rotated,
                    std::vector<os::File>* out);

  // After Prepare: makes the file durable up to `end`, which is no further than `size`, its size before the
  // call; and all of `rotated`. Syncs nothing that is durable already. `took` is how long it synced,
  // or waited for the sync of another.
  // `may_wait`: for the sync of another process, which is for threads of os::StartThread.
  os::Error MakeDurable(const os::File& file, uint64_t end, uint64_t size,
                        const std::vector<os::File>& rotated, bool may_wait, std::chrono::nanoseconds* took);

  // Nothing is appended for a while: leaves nothing of the file locked.
  void Rest(const os::File& file) { shared_sync_.Rest(file); }

 private:
  os::Error SyncFile(const os::File& file, bool may_wait);

  const std::string path_;
  const os::Durability durability_;
  // The file is known to be durable up to here, whoever wrote it.
  uint64_t end_ = 0;
  bool directory_is_durable_ = false;
  os::Entries entries_;           // unless they are durable
  std::optional<uint64_t> seen_;  // the size of the file after the last commit
  int company_ = 0;               // for so many commits more, others are taken to append as well
  SharedSync shared_sync_;
};

}  // namespace holdfast::append

#endif  // HOLDFAST_APPEND_DURABLE_END_H_
