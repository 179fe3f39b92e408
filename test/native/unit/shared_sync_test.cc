// The sync that processes share. Open files stand in for processes: the locks belong to them.
#ifdef __linux__

#include "append/shared_sync.h"

#include <errno.h>
#include <fcntl.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "check.h"
#include "files.h"
#include "lock/mechanism.h"
#include "os/system_calls.h"
#include "os/thread.h"

namespace holdfast::append {
namespace {

// The syncs of open files, counted, held and failed.
class Syncs {
 public:
  Syncs() {
    self = this;
    os::system_calls.fdatasync.function = [](int descriptor) { return self->Sync(descriptor); };
    os::system_calls.fcntl.function = [](int descriptor, int command, struct flock* lock) {
      return self->Fcntl(descriptor, command, lock);
    };
    os::system_calls.sync_file_range.function = [](int, off_t, off_t, unsigned) {
      errno = EIO;
      return self->lose_writes ? -1 : 0;
    };
  }
  ~Syncs() { os::system_calls = system; }

  void Hold(const os::File& file) {
    Change([&] { held_.insert(file.handle()); });
  }
  void Release(const os::File& file) {
    Change([&] { held_.erase(file.handle()); });
  }
  void Fail(const os::File& file) {
    Change([&] { failing_.insert(file.handle()); });
  }

  void WaitForBegun(const os::File& file, int count) {
    WaitUntil([&] { return begun_[file.handle()] == count; });
  }
  // Until so many are about to wait for another's round.
  void WaitForWaiting(int count) {
    WaitUntil([&] { return waiting_ == count; });
  }
  // Until it looks for the absent, or syncs without.
  void WaitForLead(const os::File& file, int begun) {
    WaitUntil([&] { return looks_for_absent_[file.handle()] > 0 || begun_[file.handle()] > begun; });
    Change([&] { looks_for_absent_.clear(); });
  }
  int CountOf(const os::File& file) {
    std::lock_guard lock(mutex_);
    return begun_[file.handle()];
  }

  bool lose_writes = false;
  std::chrono::milliseconds takes{0};

 private:
  template <typename Action>
  void Change(Action action) {
    std::lock_guard lock(mutex_);
    action();
    changed_.notify_all();
  }
  template <typename Condition>
  void WaitUntil(Condition condition) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, condition);
  }

  int Sync(int descriptor) {
    Change([&] { begun_[descriptor]++; });
    WaitUntil([&] { return held_.count(descriptor) == 0; });
    std::this_thread::sleep_for(takes);
    std::lock_guard lock(mutex_);
    errno = EIO;
    return failing_.count(descriptor) == 0 ? 0 : -1;
  }
  int Fcntl(int descriptor, int command, struct flock* lock) {
    if (command == F_OFD_SETLKW) Change([&] { waiting_++; });
    if (command == F_OFD_GETLK && lock->l_type == F_WRLCK) Change([&] { looks_for_absent_[descriptor]++; });
    return system.fcntl(descriptor, command, lock);
  }

  static Syncs* self;
  const os::SystemCalls system = os::system_calls;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int, int> begun_;
  std::map<int, int> looks_for_absent_;
  std::set<int> held_;
  std::set<int> failing_;
  int waiting_ = 0;
};

Syncs* Syncs::self;

// One that appends to the file.
struct Writer {
  explicit Writer(const std::string& path, std::chrono::milliseconds max_wait = std::chrono::hours(1))
      : shared(max_wait) {
    CHECK(!os::File::OpenForAppend(path, &file));
  }

  std::future<os::Error> Sync() {
    const auto done = std::make_shared<std::promise<os::Error>>();
    CHECK(!os::StartThread([this, done] { done->set_value(shared.Sync(file)); }));
    return done->get_future();
  }

  os::File file;
  SharedSync shared;
};

struct Fixture {
  const test::Directory directory;
  const std::string path = directory.Write("chronicle", "{}\n");
  Syncs syncs;
  Writer first{path}, second{path}, third{path};

  // The first one syncs, the second one waits to lead the next round, and the third one for that.
  struct Results {
    std::future<os::Error> first, second, third;
  };
  Results Queue() {
    Results results;
    syncs.Hold(first.file);
    results.first = first.Sync();
    syncs.WaitForBegun(first.file, 1);
    results.second = second.Sync();
    syncs.WaitForWaiting(1);
    results.third = third.Sync();
    syncs.WaitForWaiting(2);
    return results;
  }
};

const lock::Spec kWhole{lock::Kind::kFcntl, lock::Mode::kExclusive, 0, 0};

bool TryWhole(const os::File& file) {
  os::Error error;
  return lock::kFcntl.try_lock(file, kWhole, &error) == lock::Attempt::kGranted;
}

TEST("a sync that began after the write of another covers it, and one that had begun does not") {
  Fixture fixture;
  auto results = fixture.Queue();
  fixture.syncs.Release(fixture.first.file);
  CHECK(!results.first.get());
  CHECK(!results.second.get());
  CHECK(!results.third.get());
  CHECK_EQ(fixture.syncs.CountOf(fixture.first.file), 1);
  CHECK_EQ(fixture.syncs.CountOf(fixture.second.file) + fixture.syncs.CountOf(fixture.third.file), 1);
}

TEST("who waited for a sync that fails syncs for himself") {
  Fixture fixture;
  fixture.syncs.Fail(fixture.second.file);
  auto results = fixture.Queue();
  fixture.syncs.Release(fixture.first.file);
  CHECK(!results.first.get());
  CHECK_EQ(results.second.get().number, EIO);
  CHECK(!results.third.get());
  CHECK_EQ(fixture.syncs.CountOf(fixture.third.file), 1);
}

TEST("who is covered by another's sync is told of a write of his own that was lost") {
  Fixture fixture;
  fixture.syncs.lose_writes = true;
  auto results = fixture.Queue();
  fixture.syncs.Release(fixture.first.file);
  CHECK(!results.first.get());
  CHECK(!results.second.get());
  CHECK_EQ(results.third.get().number, EIO);
}

TEST("who waits for one that is stopped goes on after a while, and the next one does not wait") {
  Fixture fixture;
  fixture.syncs.Hold(fixture.first.file);
  auto first = fixture.first.Sync();
  fixture.syncs.WaitForBegun(fixture.first.file, 1);
  Writer impatient(fixture.path, std::chrono::milliseconds(1));
  CHECK(!impatient.Sync().get());
  CHECK(!fixture.third.Sync().get());
  CHECK_EQ(fixture.syncs.CountOf(impatient.file), 1);
  CHECK_EQ(fixture.syncs.CountOf(fixture.third.file), 1);
  fixture.syncs.Release(fixture.first.file);
  CHECK(!first.get());
}

TEST("who waits for one that dies goes on at once") {
  Fixture fixture;
  auto doomed = std::make_unique<Writer>(fixture.path);
  // What the kernel does when the process of the leader dies: its file is closed.
  fixture.syncs.Hold(doomed->file);
  auto lost = doomed->Sync();
  fixture.syncs.WaitForBegun(doomed->file, 1);
  auto second = fixture.second.Sync();
  fixture.syncs.WaitForWaiting(1);
  auto third = fixture.third.Sync();
  fixture.syncs.WaitForWaiting(2);
  const os::File::Handle handle = doomed->file.handle();
  CHECK_EQ(os::system_calls.close(handle), 0);
  CHECK(!second.get());
  CHECK(!third.get());
  fixture.syncs.Release(doomed->file);
  lost.get();
  doomed->file.ReleaseDescriptor();
}

TEST("rounds that one leads in succession are told apart by the others") {
  Fixture fixture;
  for (int i = 0; i < 3; i++) CHECK(!fixture.first.Sync().get());
  for (int i = 0; i < 3; i++) CHECK(!fixture.second.Sync().get());
  CHECK(!fixture.first.Sync().get());
  CHECK_EQ(fixture.syncs.CountOf(fixture.first.file), 4);
  CHECK_EQ(fixture.syncs.CountOf(fixture.second.file), 3);
  fixture.syncs.WaitForWaiting(0);
}

TEST("a leader waits for who was in the round before, so that one sync serves both") {
  Fixture fixture;
  fixture.syncs.takes = std::chrono::milliseconds(20);
  const auto count = [&] {
    return fixture.syncs.CountOf(fixture.first.file) + fixture.syncs.CountOf(fixture.second.file);
  };
  // The second one may come too late on a busy machine.
  int turns = 0;
  for (bool shared = false; !shared && turns < 1000; turns++) {
    const int before = count();
    const int begun = fixture.syncs.CountOf(fixture.first.file);
    auto first = fixture.first.Sync();
    fixture.syncs.WaitForLead(fixture.first.file, begun);
    const bool leads_alone = fixture.syncs.CountOf(fixture.first.file) > begun;
    auto second = fixture.second.Sync();
    CHECK(!first.get());
    CHECK(!second.get());
    shared = !leads_alone && count() == before + 1;
  }
  CHECK(turns < 1000);
}

TEST("a leader does not wait for who does not come back") {
  Fixture fixture;
  fixture.syncs.takes = std::chrono::milliseconds(1);
  for (int i = 0; i < 3; i++) {
    auto first = fixture.first.Sync();
    auto second = fixture.second.Sync();
    CHECK(!first.get());
    CHECK(!second.get());
  }
  for (int i = 0; i < 20; i++) CHECK(!fixture.first.Sync().get());
}

TEST("who locks the whole file is not waited for, and says nothing") {
  for (const lock::Mode mode : {lock::Mode::kExclusive, lock::Mode::kShared}) {
    Fixture fixture;
    os::Error error;
    lock::Spec whole = kWhole;
    whole.mode = mode;
    CHECK(lock::kFcntl.try_lock(fixture.third.file, whole, &error) == lock::Attempt::kGranted);
    for (int i = 1; i < 3; i++) {
      CHECK(!fixture.first.Sync().get());
      CHECK(!fixture.second.Sync().get());
      CHECK_EQ(fixture.syncs.CountOf(fixture.first.file), i);
      CHECK_EQ(fixture.syncs.CountOf(fixture.second.file), i);
    }
    fixture.syncs.WaitForWaiting(0);
  }
}

TEST("after a rest, nothing of the file is locked") {
  Fixture fixture;
  CHECK(!fixture.first.Sync().get());
  CHECK(!TryWhole(fixture.third.file));
  fixture.first.shared.Rest(fixture.first.file);
  CHECK(TryWhole(fixture.third.file));
}

}  // namespace
}  // namespace holdfast::append

#endif  // __linux__
