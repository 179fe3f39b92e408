// The writer's thread with a committer of the test: no file, no lock.
#include "append/writer_thread.h"

#include <errno.h>

#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "check.h"

namespace holdfast::append {
namespace {

// What the committer was told, and what it is to do.
struct Script {
  std::vector<std::string> groups;
  std::function<void(Group*, WriterThread*, Reply*)> on_commit = [](Group*, WriterThread*, Reply*) {};
  int saved = 0;
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
  bool HasUnsaved() const override { return script_->closed == 0; }
  void Save() override { script_->saved++; }
  void Close() override { script_->closed++; }

 private:
  const std::shared_ptr<Script> script_;
};

class Fixture {
 public:
  ~Fixture() { writer->Abandon(); }

  void Append(const std::string& data) { writer->Append({data, 1, {}}); }

  // Waits for the next reply, also after Close.
  Reply Next() {
    std::unique_lock lock(told_->mutex);
    told_->changed.wait(lock, [this] { return told_->replies > 0; });
    told_->replies--;
    const auto reply = writer->TakeReply();
    CHECK(reply.has_value());
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
