// What a commit takes out of the queue, and how it is cut into lines.
#include "append/group.h"

#include <string>

#include "check.h"

namespace holdfast::append {
namespace {

Batch LinesOf(const std::string& data, size_t lines) {
  return {data, lines, {}, {}};
}

TEST("a group takes all batches that fit, and numbers their lines through") {
  std::deque<Batch> queue{LinesOf("{}\n{}\n", 2), LinesOf("{}\n", 1)};
  queue[0].conditions = {{1, 1, 7}};
  queue[1].conditions = {{0, 1, 9}};
  Group group;
  TakeGroup(&queue, 100, &group);
  CHECK(queue.empty());
  CHECK_EQ(group.batches, 2u);
  CHECK_EQ(group.line_count, 3u);
  CHECK_EQ(group.conditions.size(), 2u);
  CHECK_EQ(group.conditions[0].first, 1u);
  CHECK_EQ(group.conditions[1].first, 2u);
  CHECK_EQ(group.conditions[1].end, 9u);
}

TEST("a group leaves the batch that would make it too large, but always takes one") {
  std::deque<Batch> queue{LinesOf("{\"a\":1}\n", 1), LinesOf("{}\n", 1), LinesOf("{}\n", 1)};
  Group first, second;
  TakeGroup(&queue, 5, &first);
  CHECK_EQ(first.batches, 1u);
  CHECK_EQ(queue.size(), 2u);
  TakeGroup(&queue, 5, &second);
  CHECK_EQ(second.batches, 1u);
  CHECK_EQ(queue.size(), 1u);
}

TEST("a group leaves the batch that has another fence") {
  std::deque<Batch> queue;
  for (const uint64_t token : {7, 7, 8, 0, 0}) {
    queue.push_back(LinesOf("{}\n", 1));
    if (token != 0) queue.back().fence = {token, "/jobs.lock"};
  }
  queue[1].fence.lock = "/other.lock";
  for (const size_t batches : {1, 1, 1, 2}) {
    Group group;
    TakeGroup(&queue, 100, &group);
    CHECK_EQ(group.batches, batches);
  }
  CHECK(queue.empty());
}

TEST("a group is cut into lines without their newlines, with their ids if they are asked for") {
  std::deque<Batch> queue{LinesOf("{\"id\":\"a\"}\n{}\n", 2)};
  Group group;
  TakeGroup(&queue, 100, &group);
  const dedupe::IdFinder ids("id");
  group.CutLines(&ids);
  const dedupe::HashKey key{1, 2};
  group.HashIds(key);
  CHECK_EQ(group.lines.size(), 2u);
  CHECK_EQ(group.lines[0].text, "{\"id\":\"a\"}");
  CHECK_EQ(group.lines[0].id, "a");
  CHECK_EQ(group.lines[0].fingerprint, dedupe::IdFinder::FingerprintOf(key, "a"));
  CHECK_EQ(group.lines[1].text, "{}");
  CHECK_EQ(group.lines[1].fingerprint, 0u);

  Group plain;
  queue.push_back(LinesOf("{\"id\":\"a\"}\n", 1));
  TakeGroup(&queue, 100, &plain);
  plain.CutLines(nullptr);
  CHECK(plain.lines[0].id.empty());
}

}  // namespace
}  // namespace holdfast::append
