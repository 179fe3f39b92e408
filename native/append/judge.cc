#include "append/judge.h"

#include <cassert>
#include <optional>
#include <unordered_map>
#include <unordered_set>

namespace holdfast::append {
namespace {

using dedupe::Fingerprint;
using dedupe::Position;

// Finds duplicates, in the file and among the lines of the group that were judged before.
class Deduplicator {
 public:
  Deduplicator(const Group& group, const dedupe::RecentIds& known)
      : group_(group), known_(known), window_(known.window()) {
    if (window_ != 0) last_in_group_.reserve(group.lines.size());
  }

  // Judges a line as if it had no condition.
  void Judge(size_t line, Verdict* verdict) {
    const Fingerprint id = group_.lines[line].fingerprint;
    if (window_ == 0 || id == 0) return;
    LineVerdict* const own = &verdict->lines[line];
    if (const std::optional<Position> position = known_.Find(id, verdict->written)) {
      own->position = *position;
      const auto confirmed = group_.confirmed.find(id);
      if (confirmed != group_.confirmed.end() && confirmed->second.position == *position) {
        own->fate = Fate::kDuplicateInFile;
        own->length = confirmed->second.length + 1;
      } else if (asked_.insert(id).second) {
        // One question for each id is enough: the other lines are judged again when it is answered.
        verdict->unsure.push_back(line);
      }
      return;
    }
    const auto found = last_in_group_.find(id);
    if (found == last_in_group_.end()) return;
    const auto [earlier, number] = found->second;
    const bool is_in_window = verdict->written - number <= window_;
    if (is_in_window && dedupe::IdFinder::Equal(group_.lines[earlier].id, group_.lines[line].id)) {
      own->fate = Fate::kDuplicateInGroup;
      own->offset = verdict->lines[earlier].offset;
      own->length = verdict->lines[earlier].length;
    }
  }

  // `line` is the next one that is written, after `written` others.
  void AddWritten(size_t line, size_t written) {
    const Fingerprint id = group_.lines[line].fingerprint;
    if (window_ != 0 && id != 0) last_in_group_[id] = {line, written};
  }

 private:
  struct Written {
    size_t line;
    size_t number;  // among those that are written
  };

  const Group& group_;
  const dedupe::RecentIds& known_;
  const size_t window_;
  std::unordered_map<Fingerprint, Written> last_in_group_;
  std::unordered_set<Fingerprint> asked_;
};

// The condition that each line is under, line by line.
class Conditions {
 public:
  explicit Conditions(const Group& group) : next_(group.conditions.begin()), last_(group.conditions.end()) {}

  // To be called for each line, in order.
  void MoveTo(size_t line) {
    if (next_ == last_ || line < next_->first + next_->count) return;
    ++next_;
    state_ = State::kUndecided;
    assert(next_ == last_ || next_->first >= line);
  }

  // Whether the line may be written if the file ends at `end` before it. What was found for the first line
  // that is to be written holds for the others of its condition.
  bool Allow(size_t line, uint64_t end) {
    if (next_ == last_ || line < next_->first) return true;
    if (state_ == State::kUndecided) state_ = next_->end == end ? State::kMet : State::kFailed;
    return state_ == State::kMet;
  }

  bool failed() const { return state_ == State::kFailed; }
  size_t first() const { return next_->first; }

 private:
  std::vector<Condition>::const_iterator next_;  // the condition of this line, or of one after it
  const std::vector<Condition>::const_iterator last_;
  // Undecided while no line under it is to be written.
  enum class State { kUndecided, kMet, kFailed } state_ = State::kUndecided;
};

}  // namespace

Verdict Judge(const Group& group, const dedupe::RecentIds& known, uint64_t size) {
  Verdict verdict;
  verdict.lines.resize(group.lines.size());
  Deduplicator deduplicator(group, known);
  Conditions conditions(group);
  for (size_t i = 0; i < group.lines.size(); i++) {
    LineVerdict& line = verdict.lines[i];
    conditions.MoveTo(i);
    const bool failed_before = conditions.failed();
    deduplicator.Judge(i, &verdict);
    if (line.fate != Fate::kWritten) {
      verdict.duplicates++;
    } else if (conditions.Allow(i, size + verdict.written_bytes)) {
      line.offset = verdict.written_bytes;
      line.length = group.lines[i].text.size() + 1;
      deduplicator.AddWritten(i, verdict.written);
      verdict.written++;
      verdict.written_bytes += line.length;
    } else if (!failed_before) {
      // Lines are acknowledged together with the others of their condition, duplicates too.
      for (size_t before = conditions.first(); before < i; before++) {
        verdict.lines[before].fate = Fate::kConflict;
      }
    }
    if (conditions.failed()) line.fate = Fate::kConflict;
  }
  return verdict;
}

const std::string& TextToWrite(const Group& group, const Verdict& verdict, std::string* buffer) {
  assert(verdict.unsure.empty() && buffer->empty());
  if (verdict.written == group.lines.size()) return group.data;
  buffer->reserve(verdict.written_bytes);
  for (size_t i = 0; i < group.lines.size(); i++) {
    if (verdict.lines[i].fate == Fate::kWritten) buffer->append(group.lines[i].text) += '\n';
  }
  assert(buffer->size() == verdict.written_bytes);
  return *buffer;
}

}  // namespace holdfast::append
