// The writer's thread with a committer of the test: no file, no lock.
#include "append/writer_thread.h"

#include <errno.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"

namespace holdfast::append {
namespace {

// What the committer was told, and what it is to do.
struct Script {
  std::vector<std::string> groups;
  std::function<void(Group*, WriterThread*, Reply*)> on_commit = [](Group*, WriterThread*, Reply*) {};
  // False: it would have to wait.
  std::function<bool(Group*)> on_try = [](Group*) { return true; };
  int saved = 0;
  std::atomic<int> rested{0};
  int closed = 0;
};

class FakeCommitter : public Committer {
 public:
  explicit FakeCommitter(std::shared_ptr<Script> script) : script_(std::move(script)) {}
  Reply Open() override {
    Reply reply;
    reply.status = Status::kCommitted;
    return reply;
  }
  Reply Commit(Group* group, WriterThread* thread) override {
    script_->groups.push_back(group->data);
    Reply reply;
    reply.status = Status::kCommitted;
    script_->on_commit(group, thread, &reply);
    return reply;
  }
  std::optional<Reply> TryCommit(Group* group) override {
    if (!script_->on_try(group)) return std::nullopt;
    return Commit(group, nullptr);
  }
  bool HasUnsaved() const override { return script_->closed == 0; }
  void Save() override { script_->saved++; }
  void Rest() override { script_->rested++; }
  void Close() override { script_->closed++; }

 private:
  const std::shared_ptr<Script> script_;
};

class Fixture {
 public:
  ~Fixture() { writer->Abandon(); }

  void Append(const std::string& data, size_t lines = 1) { writer->Append({data, lines, {}}); }

  // Waits for the next reply, also after Close.
  Reply Next() {
    std::unique_lock lock(told_->mutex);
    told_->changed.wait(lock, [this] { return told_->replies > 0; });
    told_->replies--;
    const auto reply = writer->TakeReply();
    CHECK(reply.has_value());
    return *reply;
  }

  // The same, as a thread does that blocks for it.
  Reply BlockForNext() {
    const auto reply = writer->WaitForReply();
    CHECK(reply.has_value());
    std::unique_lock lock(told_->mutex);
    told_->changed.wait(lock, [this] { return told_->replies > 0; });
    told_->replies--;
    return *reply;
  }

  void Close() {
    writer->Close();
    CHECK_EQ(Next().status, Status::kClosed);
  }

 private:
  struct Told {
    std::mutex mutex;
    std::condition_variable changed;
    int replies = 0;
  };
  const std::shared_ptr<Told> told_ = std::make_shared<Told>();

 public:
  const std::shared_ptr<Script> script = std::make_shared<Script>();
  const std::shared_ptr<WriterThread> writer =
      std::make_shared<WriterThread>(std::make_unique<FakeCommitter>(script), 100, [told = told_] {
        std::lock_guard lock(told->mutex);
        told->replies++;
        told->changed.notify_one();
      });
};

TEST("the writer's thread opens, commits in order, and replies to each batch once") {
  Fixture fixture;
  fixture.writer->Open();
  CHECK_EQ(fixture.Next().batches, 1u);
  size_t settled = 0;
  for (int i = 0; i < 50; i++) fixture.Append(std::to_string(i) + '\n');
  while (settled < 50) settled += fixture.Next().batches;
  CHECK_EQ(settled, 50u);
  fixture.Close();
  std::string all, expected;
  for (const std::string& group : fixture.script->groups) all += group;
  for (int i = 0; i < 50; i++) expected += std::to_string(i) + '\n';
  CHECK_EQ(all, expected);
}

TEST("the writer's thread commits what came meanwhile as one group") {
  Fixture fixture;
  std::promise<void> begun, go_on;
  fixture.script->on_commit = [&](Group* group, WriterThread*, Reply*) {
    if (group->data != "first\n") return;
    begun.set_value();
    go_on.get_future().wait();
  };
  fixture.Append("first\n");
  begun.get_future().wait();
  fixture.Append("second\n");
  fixture.Append("third\n");
  go_on.set_value();
  CHECK_EQ(fixture.Next().batches, 1u);
  CHECK_EQ(fixture.Next().batches, 2u);
  fixture.Close();
  CHECK_EQ(fixture.script->groups[1], "second\nthird\n");
}

TEST("whoever blocks has his batch committed on his own thread") {
  Fixture fixture;
  const auto own = std::this_thread::get_id();
  std::thread::id committed_on;
  fixture.script->on_commit = [&](Group*, WriterThread*, Reply*) {
    committed_on = std::this_thread::get_id();
  };
  for (const bool after_another : {false, true}) {
    if (after_another) {
      fixture.Append("first\n");
      fixture.Next();
      CHECK(committed_on != own);
    }
    const auto reply = fixture.writer->AppendOnThisThread({"line\n", 1, {}});
    CHECK(reply.has_value());
    CHECK_EQ(reply->status, Status::kCommitted);
    CHECK_EQ(reply->batches, 1u);
    CHECK(committed_on == own);
  }
  fixture.Close();
}

TEST("whoever blocks comes after what is under way, and leaves to the thread what has to wait") {
  Fixture fixture;
  std::promise<void> begun, go_on;
  fixture.script->on_commit = [&](Group* group, WriterThread*, Reply*) {
    if (group->data != "first\n") return;
    begun.set_value();
    go_on.get_future().wait();
  };
  fixture.Append("first\n");
  begun.get_future().wait();
  CHECK(!fixture.writer->AppendOnThisThread({"second\n", 1, {}}).has_value());
  go_on.set_value();
  CHECK_EQ(fixture.BlockForNext().batches, 1u);
  CHECK_EQ(fixture.BlockForNext().batches, 1u);

  fixture.script->on_try = [](Group* group) {
    group->CutLines(nullptr);
    return false;
  };
  CHECK(
      !fixture.writer->AppendOnThisThread({"third, which is no short string\n", 1, {{0, 1, 7}}}).has_value());
  size_t conditions = 0;
  fixture.script->on_commit = [&](Group* group, WriterThread*, Reply*) {
    conditions = group->conditions.size();
  };
  fixture.Next();
  fixture.Close();
  const std::vector<std::string> expected{"first\n", "second\n", "third, which is no short string\n"};
  CHECK((fixture.script->groups == expected));
}

TEST("the thread that has nothing to do leaves the committer alone while somebody blocks in it") {
  Fixture fixture;
  fixture.Append("first\n");
  fixture.Next();
  int rested = 0;
  fixture.script->on_try = [&](Group*) {
    rested = fixture.script->rested;
    // Longer than it stays without work.
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    rested = fixture.script->rested - rested;
    return true;
  };
  CHECK(fixture.writer->AppendOnThisThread({"second\n", 1, {}}).has_value());
  CHECK_EQ(rested, 0);
  while (fixture.script->rested == 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  fixture.Close();
}

TEST("what has come waits for those who were acknowledged a moment ago, but not while somebody blocks") {
  Fixture fixture;
  fixture.script->on_commit = [](Group*, WriterThread*, Reply* reply) {
    reply->synced = std::chrono::hours(1);
  };
  // Both come back.
  fixture.Append("a\nb\n", 2);
  fixture.Next();
  fixture.Append("a\nb\n", 2);
  fixture.Next();
  fixture.Append("a\n");
  fixture.Append("b\n");
  CHECK_EQ(fixture.Next().batches, 2u);
  // One comes back, and blocks.
  fixture.Append("a\n");
  CHECK_EQ(fixture.BlockForNext().batches, 1u);
  fixture.Close();
}

TEST("a wait for more ends when the writer is closed") {
  Fixture fixture;
  fixture.script->on_commit = [](Group*, WriterThread*, Reply* reply) {
    reply->synced = std::chrono::hours(1);
  };
  for (int i = 0; i < 2; i++) {
    fixture.Append("a\nb\n", 2);
    fixture.Next();
  }
  fixture.Append("a\n");
  fixture.Close();
  CHECK_EQ(fixture.script->groups.size(), 2u);
}

TEST("the writer's thread brings a question out and its answer back") {
  Fixture fixture;
  std::optional<std::vector<bool>> answers;
  fixture.script->on_commit = [&](Group*, WriterThread* thread, Reply*) {
    answers = thread->Ask({{3, 7, "text"}, {4, 9, ""}}, [] {});
  };
  fixture.Append("line\n");
  const Reply question = fixture.Next();
  CHECK_EQ(question.status, Status::kAsk);
  CHECK_EQ(question.questions.size(), 2u);
  CHECK_EQ(question.questions[0].line, 3u);
  fixture.writer->Answer({true, false});
  CHECK_EQ(fixture.Next().status, Status::kCommitted);
  fixture.Close();
  CHECK(answers.has_value());
  CHECK((*answers == std::vector<bool>{true, false}));
}

TEST("the writer's thread tells when an answer is late, and takes it all the same") {
  Fixture fixture;
  std::promise<void> late;
  bool answered = false;
  fixture.script->on_commit = [&](Group*, WriterThread* thread, Reply*) {
    answered = thread->Ask({{0, 0, ""}}, [&] { late.set_value(); }).has_value();
  };
  fixture.Append("line\n");
  CHECK_EQ(fixture.Next().status, Status::kAsk);
  late.get_future().wait();
  fixture.writer->Answer({true});
  CHECK_EQ(fixture.Next().status, Status::kCommitted);
  CHECK(answered);
}

TEST("the writer's thread ends a question and a wait when it is closed, and saves before it closes") {
  Fixture fixture;
  std::promise<void> asking;
  bool answered = true, due = false;
  fixture.script->on_commit = [&](Group*, WriterThread* thread, Reply* reply) {
    asking.set_value();
    answered = thread->Ask({{0, 0, ""}}, [] {}).has_value();
    due = thread->InterruptAt(os::kNever)->Due();
    reply->status = Status::kFailed;
    reply->error = {ECANCELED, "write"};
  };
  fixture.Append("line\n");
  asking.get_future().wait();
  CHECK_EQ(fixture.Next().status, Status::kAsk);
  fixture.writer->Close();
  CHECK_EQ(fixture.Next().status, Status::kFailed);
  CHECK_EQ(fixture.Next().status, Status::kClosed);
  CHECK(!answered);
  CHECK(due);
  CHECK_EQ(fixture.script->saved, 1);
  CHECK_EQ(fixture.script->closed, 1);
}

TEST("the writer's thread saves also if it was not running when it was closed") {
  Fixture fixture;
  fixture.Close();
  CHECK_EQ(fixture.script->saved, 1);
  CHECK_EQ(fixture.script->closed, 1);
}

TEST("the writer's thread answers nobody after it was abandoned") {
  Fixture fixture;
  fixture.writer->Abandon();
  fixture.Append("line\n");
  CHECK(!fixture.writer->WaitForReply().has_value());
  CHECK(fixture.script->groups.empty());
}

}  // namespace
}  // namespace holdfast::append
