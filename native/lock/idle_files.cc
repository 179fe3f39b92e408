#include "lock/idle_files.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "os/clock.h"
#include "os/thread_pool.h"

namespace holdfast::lock {
namespace {

constexpr size_t kMost = 16;
constexpr auto kLongest = std::chrono::milliseconds(250);

struct IdleFile {
  std::string path;
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

  bool Take(const std::string& path, os::File* file, os::FileId* id) {
    std::lock_guard guard(mutex_);
    const auto found =
        std::find_if(files_.rbegin(), files_.rend(), [&](const IdleFile& idle) { return idle.path == path; });
    if (found == files_.rend()) return false;
    *file = std::move(found->file);
    *id = found->id;
    files_.erase(std::next(found).base());
    return true;
  }

  void Put(IdleFile idle) {
    std::lock_guard guard(mutex_);
    if (!closing_) closing_ = !os::RunOnHelperThread([this] { CloseOldOnes(); });
    if (!closing_) return;  // no thread to be had: closed right here
    if (files_.size() == kMost) files_.erase(files_.begin());
    files_.push_back(std::move(idle));
  }

 private:
  // The files are in the order in which they were put here.
  void CloseOldOnes() {
    std::unique_lock guard(mutex_);
    while (!files_.empty()) {
      const os::Clock::time_point due = files_.front().since + kLongest;
      if (due <= os::Clock::now()) {
        files_.erase(files_.begin());
        continue;
      }
      guard.unlock();
      std::this_thread::sleep_until(due);
      guard.lock();
    }
    closing_ = false;
  }

  std::mutex mutex_;
  std::vector<IdleFile> files_;
  bool closing_ = false;
};

}  // namespace

bool TakeIdleFile(const std::string& path, os::File* file, os::FileId* id) {
  return IdleFiles::Get().Take(path, file, id);
}

void PutIdleFile(std::string path, os::File file, os::FileId id) {
  IdleFiles::Get().Put({std::move(path), std::move(file), id, os::Clock::now()});
}

}  // namespace holdfast::lock
