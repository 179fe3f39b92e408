// What a commit takes: the batches that are there, as one group of lines.
#ifndef HOLDFAST_APPEND_GROUP_H_
#define HOLDFAST_APPEND_GROUP_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
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

// What one crossing from JavaScript brings.
struct Batch {
  std::string data;  // whole lines, each with its newline
  size_t lines = 0;
  std::vector<Condition> conditions;  // in order, without overlap
};

struct Line {
  std::string_view text;  // without newline
  // Set only if the chronicle dedupes.
  std::string_view id;
  dedupe::Fingerprint fingerprint = 0;
};

struct Confirmed {
  dedupe::Position position = 0;
  size_t length = 0;  // of its line, without newline
};

// Lines are numbered through all of its batches.
struct Group {
  size_t batches = 0;
  std::string data;
  size_t line_count = 0;
  std::vector<Condition> conditions;
  // Parts of `data`; see CutLines.
  std::vector<Line> lines;
  // Events in the file of which JavaScript has seen that they have these ids.
  std::unordered_map<dedupe::Fingerprint, Confirmed> confirmed;

  Group() = default;
  // `lines` would point into what was moved.
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  // Cuts `data` into lines, and finds their ids, unless `ids` is null.
  void CutLines(const dedupe::IdFinder* ids);
};

// Moves batches from the front of the queue, which is not empty, into the empty group, as long as that has at
// most `max_bytes`; but always one.
void TakeGroup(std::deque<Batch>* queue, size_t max_bytes, Group* group);

}  // namespace holdfast::append

#endif  // HOLDFAST_APPEND_GROUP_H_
