#include "lock/idle_files.h"

#include <assert.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "os/clock.h"
#include "os/mutex.h"
#include "os/thread_pool.h"

namespace holdfast::lock {
namespace {

constexpr size_t kMaxFiles = 16;
constexpr auto kMaxIdleTime = std::chrono::milliseconds(250);

struct IdleFile {
  std::string path;
  bool is_lock_file;
  os::File file;
  os::FileId id;
  os::Clock::time_point since;
};

class IdleFiles {
 public:
  // Never destroyed: the thread that closes them may outlive main().
  static IdleFiles& Get() {
    static IdleFiles& instance = *new IdleFiles;
    return instance;
  }

  bool Take(const std::string& path, bool is_lock_file, os::File* file, os::FileId* id) {
    os::MutexLock guard(mutex_);
    const auto found = std::find_if(files_.rbegin(), files_.rend(), [&](const IdleFile& idle) {
      return idle.path == path && idle.is_lock_file == is_lock_file;
    });
    if (found == files_.rend()) return false;
    *file = std::move(found->file);
    *id = found->id;
    files_.erase(std::next(found).base());
    return true;
  }

  void Put(IdleFile idle) {
    assert(idle.file.is_open());
    os::MutexLock guard(mutex_);
    if (!closing_) closing_ = !os::RunOnHelperThread([this] { CloseOldOnes(); });
    if (!closing_) return;  // no thread to be had: closed right here
    if (files_.size() == kMaxFiles) files_.erase(files_.begin());
    files_.push_back(std::move(idle));
  }

 private:
  // The files are in the order in which they were put here.
  void CloseOldOnes() {
    os::MutexLock guard(mutex_);
    while (!files_.empty()) {
      const os::Clock::time_point due = files_.front().since + kMaxIdleTime;
      if (due <= os::Clock::now()) {
        files_.erase(files_.begin());
        continue;
      }
      os::MutexUnlock unlocked(mutex_);
      std::this_thread::sleep_until(due);
    }
    closing_ = false;
  }

  os::Mutex mutex_;
  std::vector<IdleFile> files_ GUARDED_BY(mutex_);
  bool closing_ GUARDED_BY(mutex_) = false;
};

}  // namespace

bool TakeIdleFile(const std::string& path, bool is_lock_file, os::File* file, os::FileId* id) {
  return IdleFiles::Get().Take(path, is_lock_file, file, id);
}

void PutIdleFile(std::string path, bool is_lock_file, os::File file, os::FileId id) {
  IdleFiles::Get().Put({std::move(path), is_lock_file, std::move(file), id, os::Clock::now()});
}

}  // namespace holdfast::lock
