// What a commit takes: the batches that are there, as one group of lines.
#ifndef HOLDFAST_APPEND_GROUP_H_
#define HOLDFAST_APPEND_GROUP_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dedupe/id_finder.h"
#include "dedupe/position.h"

namespace holdfast::append {

// Lines that are written only if the file ends at `end` by then.
struct Condition {
  size_t first = 0;
  size_t count = 0;
  uint64_t end = 0;
};

// The lock that was given to who appends, as lock/fence.h has it, and the token that he was given.
struct Fence {
  uint64_t token = 0;  // 0: none
  std::string lock{};
  bool operator==(const Fence& other) const { return token == other.token && lock == other.lock; }
};

// What one crossing from JavaScript brings.
struct Batch {
  std::string data;  // whole lines, each with its newline
  size_t lines = 0;
  std::vector<Condition> conditions;  // in order, without overlap
  Fence fence;                        // of all its lines
};

struct Line {
  std::string_view text;  // without newline
  // Set only if the chronicle dedupes. The id is as it is written in the line.
  std::string_view id;
  dedupe::Fingerprint fingerprint = 0;
};

// What was found at a place that an id might have.
struct Answer {
  bool is_copy = false;  // an event with the id
  size_t length = 0;     // of its line, without newline
};

// Lines are numbered through all of its batches.
struct Group {
  size_t batches = 0;
  std::string data;
  size_t line_count = 0;
  std::vector<Condition> conditions;
  Fence fence;  // of all its batches
  // Parts of `data`; see CutLines.
  std::vector<Line> lines;
  // By the id, as it is written in a line of the group, and the place.
  std::map<std::pair<std::string_view, dedupe::Position>, Answer> answers;

  Group() = default;
  // `lines` would point into what was moved.
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  // Takes what is in the batch. If there is no memory for it, the batch stays, and the group is of no use.
  void Add(Batch* batch);
  // The only batch, as it was; the group is of no use any more.
  Batch TakeBack();

  // Cuts `data` into lines, and finds their ids, unless `ids` is null.
  void CutLines(const dedupe::IdFinder* ids);
  // Gives all ids their fingerprints.
  void HashIds(const dedupe::HashKey& key);
};

// Moves batches from the front of the queue, which is not empty, into the empty group, as long as they have
// the same fence and that has at most `max_bytes`; but always one.
void TakeGroup(std::deque<Batch>* queue, size_t max_bytes, Group* group);

}  // namespace holdfast::append

#endif  // HOLDFAST_APPEND_GROUP_H_
