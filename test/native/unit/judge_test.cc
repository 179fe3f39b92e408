// The judge alone: groups and known ids from the test, and no file.
#include "append/judge.h"

#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "dedupe/id_finder.h"
#include "dedupe/recent_ids.h"

namespace holdfast::append {
namespace {

using dedupe::RecentIds;

const dedupe::IdFinder finder("id");
constexpr dedupe::HashKey kKey{1, 2};

std::string Event(const std::string& id) {
  return "{\"id\":\"" + id + "\"}";
}

dedupe::Fingerprint IdOf(const std::string& id) {
  return dedupe::IdFinder::FingerprintOf(kKey, id);
}

// A group of events with these ids; an empty one is an event without id.
struct Events : Group {
  explicit Events(const std::vector<std::string>& ids, std::vector<Condition> given = {}) {
    for (const std::string& id : ids) data += (id.empty() ? "{}" : Event(id)) + '\n';
    line_count = ids.size();
    conditions = std::move(given);
    batches = 1;
    CutLines(&finder);
    HashIds(kKey);
  }
};

// The fates of the lines, a letter for each: written, duplicate in the group or in the file, conflict.
std::string Fates(const Verdict& verdict) {
  std::string fates;
  for (const LineVerdict& line : verdict.lines) fates += "wgfc"[static_cast<int>(line.fate)];
  return fates;
}

uint64_t Bytes(const std::string& id) {
  return Event(id).size() + 1;
}

TEST("the judge lets all lines be written where nothing is deduplicated") {
  const Events group({"a", "a", ""});
  const Verdict verdict = Judge(group, RecentIds(0), 1000);
  CHECK_EQ(Fates(verdict), "www");
  CHECK_EQ(verdict.lines[0].offset, 0u);
  CHECK_EQ(verdict.lines[1].offset, Bytes("a"));
  CHECK_EQ(verdict.lines[2].offset, 2 * Bytes("a"));
  CHECK_EQ(verdict.written, 3u);
  CHECK_EQ(verdict.written_bytes, group.data.size());
  CHECK_EQ(verdict.duplicates, 0u);
}

TEST("the judge finds a duplicate in the group, and says where its first copy will be") {
  const Events group({"a", "bb", "a", "", "", "bb", "c"});
  const Verdict verdict = Judge(group, RecentIds(RecentIds::kAll), 0);
  CHECK_EQ(Fates(verdict), "wwgwwgw");
  CHECK_EQ(verdict.lines[2].offset, 0u);
  CHECK_EQ(verdict.lines[5].offset, Bytes("a"));
  CHECK_EQ(verdict.lines[6].offset, Bytes("a") + Bytes("bb") + 2 * 3);
  CHECK_EQ(verdict.written, 5u);
  CHECK_EQ(verdict.duplicates, 2u);
  std::string buffer;
  CHECK_EQ(TextToWrite(group, verdict, &buffer),
           Event("a") + '\n' + Event("bb") + "\n{}\n{}\n" + Event("c") + '\n');
}

// The same group, as if all of its ids had one fingerprint.
Group& Colliding(Group& group) {
  for (Line& line : group.lines) {
    if (line.fingerprint != 0) line.fingerprint = 7;
  }
  return group;
}

TEST("the judge tells ids with one fingerprint apart, in the group") {
  for (const size_t window : {size_t{100}, RecentIds::kAll}) {
    Events group({"a", "b", "a", "b", "a", "c", "", "c", "b"});
    CHECK_EQ(Fates(Judge(Colliding(group), RecentIds(window), 0)), "wwgggwwgg");
  }
  Events group({"a", "b", "c", "a", "c"});
  CHECK_EQ(Fates(Judge(Colliding(group), RecentIds(2), 0)), "wwwwg");
}

TEST("the judge tells ids with one fingerprint apart, in the file") {
  for (const size_t window : {size_t{100}, RecentIds::kAll}) {
    RecentIds known(window);
    for (const dedupe::Position place : {100, 200, 300}) known.Add(7, place);
    Events group({"b", "a", "b", "new", "new"});
    Colliding(group);
    // One look at a place for each id, from the first place on.
    std::vector<size_t> unsure = Judge(group, known, 1000).unsure;
    CHECK_EQ(unsure.size(), 3u);
    CHECK_EQ(Judge(group, known, 1000).lines[0].position, 100u);
    for (const char* id : {"a", "b", "new"}) group.answers[{id, 100}] = {};
    group.answers[{"a", 100}] = {true, 20};
    const Verdict next = Judge(group, known, 1000);
    CHECK_EQ(next.unsure.size(), 2u);
    CHECK_EQ(next.lines[0].position, 200u);
    CHECK(next.lines[1].fate == Fate::kDuplicateInFile);
    group.answers[{"b", 200}] = {true, 21};
    group.answers[{"new", 200}] = {};
    group.answers[{"new", 300}] = {};
    const Verdict last = Judge(group, known, 1000);
    CHECK(last.unsure.empty());
    CHECK_EQ(Fates(last), "fffwg");
    CHECK_EQ(last.lines[0].position, 200u);
    CHECK_EQ(last.lines[2].length, 22u);
    CHECK_EQ(last.lines[1].position, 100u);
  }
}

TEST("the judge knows an id in the group for as many events as the window has") {
  CHECK_EQ(Fates(Judge(Events({"a", "b", "a"}), RecentIds(2), 0)), "wwg");
  CHECK_EQ(Fates(Judge(Events({"a", "b", "c", "a"}), RecentIds(2), 0)), "wwww");
  // Duplicates are not written, and push nothing out of the window.
  CHECK_EQ(Fates(Judge(Events({"a", "b", "b", "b", "a"}), RecentIds(2), 0)), "wwggg");
}

TEST("the judge lets an id of the file go when the group has pushed it out of the window") {
  RecentIds known(2);
  known.Add(IdOf("a"), 100);
  known.Add(IdOf("b"), 200);
  Events group({"c", "a", "b"});
  // With one more event, the last two are b and c; with two more, c and a.
  CHECK_EQ(Judge(group, known, 0).unsure.size(), 0u);
  CHECK_EQ(Fates(Judge(group, known, 0)), "www");
  CHECK_EQ(Judge(Events({"a"}), known, 0).unsure.size(), 1u);
}

TEST("the judge is unsure of an id that is known, until somebody has looked at that place") {
  RecentIds known(RecentIds::kAll);
  known.Add(IdOf("b"), 700);
  Events group({"a", "b", "c"});
  Verdict verdict = Judge(group, known, 1000);
  CHECK_EQ(verdict.unsure.size(), 1u);
  CHECK_EQ(verdict.unsure[0], 1u);
  CHECK_EQ(verdict.lines[1].position, 700u);

  group.answers[{"b", 600}] = {true, 20};  // of another place
  CHECK_EQ(Judge(group, known, 1000).unsure.size(), 1u);

  group.answers[{"b", 700}] = {true, 20};
  verdict = Judge(group, known, 1000);
  CHECK_EQ(Fates(verdict), "wfw");
  CHECK(verdict.unsure.empty());
  CHECK_EQ(verdict.lines[1].position, 700u);
  CHECK_EQ(verdict.lines[1].length, 21u);  // with the newline
  CHECK_EQ(verdict.lines[2].offset, Bytes("a"));
  CHECK_EQ(verdict.lines[2].length, Bytes("c"));
  CHECK_EQ(verdict.duplicates, 1u);
}

TEST("the judge asks once for each id") {
  RecentIds known(RecentIds::kAll);
  known.Add(IdOf("a"), 1);
  known.Add(IdOf("b"), 2);
  Events group({"a", "b", "a", "a", "b"});
  CHECK_EQ(Judge(group, known, 0).unsure.size(), 2u);
  group.answers = {{{"a", 1}, {true, 20}}, {{"b", 2}, {true, 20}}};
  CHECK_EQ(Fates(Judge(group, known, 0)), "fffff");
}

TEST("the judge lets a line be written if the file ends where its condition says") {
  const uint64_t size = 500;
  CHECK_EQ(Fates(Judge(Events({"a"}, {{0, 1, size}}), RecentIds(0), size)), "w");
  CHECK_EQ(Fates(Judge(Events({"a"}, {{0, 1, size - 1}}), RecentIds(0), size)), "c");
  CHECK_EQ(Fates(Judge(Events({"a"}, {{0, 1, size + 1}}), RecentIds(0), size)), "c");
}

TEST("the judge counts what the group writes before a condition") {
  const uint64_t size = 500;
  const uint64_t after = size + Bytes("a");
  CHECK_EQ(Fates(Judge(Events({"a", "b"}, {{1, 1, after}}), RecentIds(0), size)), "ww");
  CHECK_EQ(Fates(Judge(Events({"a", "b"}, {{1, 1, size}}), RecentIds(0), size)), "wc");
  // One of two with the same condition wins; those without one are written.
  CHECK_EQ(Fates(Judge(Events({"a", "b", "c"}, {{0, 1, size}, {1, 1, size}}), RecentIds(0), size)), "wcw");
  // What a conflict leaves out takes no room.
  CHECK_EQ(Fates(Judge(Events({"b", "a", "c"}, {{0, 1, 1}, {2, 1, after}}), RecentIds(0), size)), "cww");
}

TEST("the judge lets the lines of one condition be written together, or none") {
  const uint64_t size = 500;
  CHECK_EQ(Fates(Judge(Events({"a", "b", "c", "d"}, {{1, 2, size + Bytes("a")}}), RecentIds(0), size)),
           "wwww");
  const Verdict verdict = Judge(Events({"a", "b", "c", "d"}, {{1, 2, size}}), RecentIds(0), size);
  CHECK_EQ(Fates(verdict), "wccw");
  CHECK_EQ(verdict.lines[3].offset, Bytes("a"));
}

TEST("the judge asks no condition of duplicates, unless one of their call is to be written") {
  RecentIds known(RecentIds::kAll);
  known.Add(IdOf("a"), 10);
  Events repeated({"a", "a"}, {{0, 2, 1}});
  repeated.answers[{"a", 10}] = {true, 20};
  CHECK_EQ(Fates(Judge(repeated, known, 500)), "ff");

  Events mixed({"a", "b", "a", "a"}, {{0, 3, 1}});
  mixed.answers[{"a", 10}] = {true, 20};
  const Verdict verdict = Judge(mixed, known, 500);
  CHECK_EQ(Fates(verdict), "cccf");
  CHECK_EQ(verdict.written, 0u);
  CHECK_EQ(verdict.duplicates, 3u);
}

TEST("the judge does not take what a conflict leaves out for a first copy") {
  const Verdict verdict = Judge(Events({"a", "a"}, {{0, 1, 1}}), RecentIds(RecentIds::kAll), 500);
  CHECK_EQ(Fates(verdict), "cw");
  CHECK_EQ(verdict.lines[1].offset, 0u);
}

}  // namespace
}  // namespace holdfast::append
