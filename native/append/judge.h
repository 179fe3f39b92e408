// The judge: what becomes of each line of a group, and where its event is. Knows no file: nothing but the
// group, the ids that are known and the size of the file decides.
//
// Only here the bytes of a group are counted.
#ifndef HOLDFAST_APPEND_JUDGE_H_
#define HOLDFAST_APPEND_JUDGE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "append/group.h"
#include "dedupe/position.h"
#include "dedupe/recent_ids.h"

namespace holdfast::append {

enum class Fate : uint8_t {
  kWritten,
  kDuplicateInGroup,  // not written: an earlier line of the group has its id
  kDuplicateInFile,   // not written: an event with its id is in the file, or in a rotated one
  kConflict,          // not written: its condition is not met
};

struct LineVerdict {
  Fate fate = Fate::kWritten;
  // kWritten, kDuplicateInGroup: where the event is, counted from the first byte that the group writes.
  uint64_t offset = 0;
  // The length of its line, with the newline.
  uint64_t length = 0;
  // kDuplicateInFile: where the event is; of an unsure line, the first place where it may be.
  dedupe::Position position = 0;
};

struct Verdict {
  std::vector<LineVerdict> lines;
  // Lines that may be duplicates of the event at their `position`. Somebody has to look (Group::answers);
  // until then the verdict is of no use.
  std::vector<size_t> unsure;
  size_t written = 0;
  size_t written_bytes = 0;  // with newlines
  size_t duplicates = 0;     // counting those whose condition is not met
};

// Judges the lines of a group that is to be appended to a file of `size` bytes. `known` are the ids of the
// events before, with a window of 0 if nothing is deduplicated.
Verdict Judge(const Group& group, const dedupe::RecentIds& known, uint64_t size);

// What a verdict lets be written, in `buffer` or in the group.
const std::string& TextToWrite(const Group& group, const Verdict& verdict, std::string* buffer);

}  // namespace holdfast::append

#endif  // HOLDFAST_APPEND_JUDGE_H_
