// Drives native/lock and native/append from many threads at once, without Node, for the sanitizers and
// valgrind: stress <directory> <rounds> <pairs of threads>. Ends with 0 where every promise was kept.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "append/batch_writer.h"
#include "lock/wait_queue.h"

namespace {

using namespace holdfast;

std::atomic<int> failures{0};

void Expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  failures++;
}

// Waits for the answer to one request.
class Answer {
 public:
  lock::Done done() {
    return [shared = shared_] {
      std::lock_guard guard(shared->mutex);
      shared->answered = true;
      shared->changed.notify_one();
    };
  }
  std::optional<lock::Outcome> Take(const std::shared_ptr<lock::Waiter>& waiter,
                                    std::chrono::milliseconds most) {
    std::unique_lock guard(shared_->mutex);
    shared_->changed.wait_for(guard, most, [this] { return shared_->answered; });
    return lock::Take(waiter);
  }

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    bool answered = false;
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

constexpr auto kLong = std::chrono::minutes(5);

// Who holds a file: what the locks must never let happen shows here.
struct Holders {
  std::atomic<int> exclusive{0};
  std::atomic<int> shared{0};
};

void Hold(Holders* holders, lock::Mode mode) {
  const bool exclusive = mode == lock::Mode::kExclusive;
  (exclusive ? holders->exclusive : holders->shared)++;
  Expect(holders->exclusive == (exclusive ? 1 : 0), "L1: two hold one file");
  Expect(!exclusive || holders->shared == 0, "L1: a reader and a writer hold one file");
  std::this_thread::yield();
  (exclusive ? holders->exclusive : holders->shared)--;
}

// Locks of both kinds, that are tried, waited for, and given up.
void LockAtRandom(const std::string& directory, unsigned seed, int rounds, std::vector<Holders>* holders) {
  std::mt19937 random(seed);
  for (int round = 0; round < rounds; round++) {
    const size_t file = random() % holders->size();
    lock::Request request;
    request.path = directory + "/lock" + std::to_string(file);
    request.spec.mode = random() % 3 == 0 ? lock::Mode::kShared : lock::Mode::kExclusive;
    request.spec.kind = file % 2 == 0 ? lock::Kind::kFlock : lock::Kind::kFcntl;
    std::optional<lock::Outcome> outcome;
    switch (random() % 4) {
      case 0:
        outcome = lock::TryOnThisThread(request, random() % 2 == 0);
        break;
      case 1: {
        Answer answer;
        const auto waiter = lock::Try(request, answer.done());
        outcome = answer.Take(waiter, kLong);
        break;
      }
      default: {
        Answer answer;
        const auto waiter = lock::Wait(request, answer.done());
        outcome = answer.Take(waiter, std::chrono::milliseconds(random() % 4 == 0 ? 0 : 50));
        if (!outcome && !lock::Cancel(waiter)) outcome = answer.Take(waiter, kLong);
      }
    }
    if (!outcome) continue;
    Expect(!outcome->error, "a lock that fails");
    if (outcome->busy || outcome->error) continue;
    Hold(&(*holders)[file], request.spec.mode);
    if (random() % 8 == 0) {
      outcome->lock.RemoveAndRelease();
    } else {
      outcome->lock.ReleaseForReuse();
    }
  }
}

std::string IdOf(const std::string& line) {
  const size_t at = line.find("\"eventId\":\"") + 11;
  return line.substr(at, line.find('"', at) - at);
}

// What was acknowledged, and where it stands.
struct Ledger {
  std::mutex mutex;
  std::map<std::string, uint64_t> offsets;
};

void AppendAtRandom(const append::Options& options, unsigned seed, int rounds, Ledger* ledger) {
  std::mt19937 random(seed);
  auto writer = append::MakeWriter(options, [] {});
  writer->Open();
  Expect(writer->WaitForReply()->status == append::Status::kCommitted, "a chronicle that cannot be opened");
  for (int round = 0; round < rounds; round++) {
    append::Batch batch;
    std::vector<std::string> lines;
    for (unsigned more = random() % 4 + 1; more > 0; more--) {
      const bool all = random() % 4 == 0;
      const std::string id = (all ? "all." : std::to_string(seed) + "." + std::to_string(round) + ".") +
                             std::to_string(all ? random() % 50 : more);
      lines.push_back("{\"eventId\":\"" + id + "\",\"fill\":\"" + std::string(id.size() * 20, 'x') + "\"}");
      batch.data += lines.back() + "\n";
    }
    batch.lines = lines.size();
    writer->Append(std::move(batch));
    std::optional<append::Reply> reply = writer->WaitForReply();
    while (reply && reply->status == append::Status::kAsk) {
      std::vector<bool> same;
      for (const append::Question& question : reply->questions) {
        same.push_back(!question.text.empty() && IdOf(question.text) == IdOf(lines[question.line]));
      }
      writer->Answer(same);
      reply = writer->WaitForReply();
    }
    Expect(reply && reply->status == append::Status::kCommitted, "an append that fails");
    if (!reply) return;
    std::lock_guard guard(ledger->mutex);
    for (size_t i = 0; i < lines.size(); i++) {
      const uint64_t offset = reply->lines[i].offset;
      const auto [known, is_new] = ledger->offsets.emplace(IdOf(lines[i]), offset);
      Expect(is_new || known->second == offset, "C5: one event at two places");
    }
    // Opened again from time to time, with something on its way.
    if (random() % 20 == 0) {
      writer->Append({"{\"eventId\":\"late\"}\n", 1, {}});
      writer->Abandon();
      writer = append::MakeWriter(options, [] {});
      writer->Open();
      Expect(writer->WaitForReply()->status == append::Status::kCommitted,
             "a chronicle that cannot be opened");
    }
  }
  writer->Abandon();
}

void CheckFile(const std::string& path, const Ledger& ledger) {
  std::ifstream file(path);
  std::map<std::string, uint64_t> found;
  uint64_t offset = 0;
  for (std::string line; std::getline(file, line); offset += line.size() + 1) {
    Expect(found.emplace(IdOf(line), offset).second, "C5: an event is there twice");
  }
  for (const auto& [id, place] : ledger.offsets) {
    const auto at = found.find(id);
    Expect(at != found.end() && at->second == place, "C1: an acknowledged event is lost");
  }
}

void Run(const std::string& directory, int rounds, unsigned pairs) {
  std::vector<Holders> holders(3);
  std::vector<std::thread> threads;
  append::Options options;
  options.path = directory + "/chronicle";
  options.lock_timeout = kLong;
  options.id_key = "eventId";
  options.window = dedupe::RecentIds::kAll;
  options.max_line_bytes = 1 << 20;
  Ledger ledger;
  for (unsigned seed = 1; seed <= pairs; seed++) {
    threads.emplace_back([&, seed] { LockAtRandom(directory, seed, rounds, &holders); });
    threads.emplace_back([&, seed] { AppendAtRandom(options, seed, rounds / 4, &ledger); });
  }
  for (std::thread& thread : threads) thread.join();
  CheckFile(options.path, ledger);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  Run(argv[1], std::atoi(argv[2]), static_cast<unsigned>(std::atoi(argv[3])));
  return failures == 0 ? 0 : 1;
}
