#include "append/judge.h"

#include <cassert>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

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
    known_.Places(id, verdict->written, &places_);
    for (const Position place : places_) {
      own->position = place;
      const auto answer = group_.answers.find({group_.lines[line].id, place});
      if (answer == group_.answers.end()) {
        // One question for each id is enough: the other lines are judged again when it is answered.
        if (asked_.insert({group_.lines[line].id, place}).second) verdict->unsure.push_back(line);
        return;
      }
      if (!answer->second.is_copy) continue;
      own->fate = Fate::kDuplicateInFile;
      own->length = answer->second.length + 1;
      return;
    }
    const Written* const found = FindInGroup(line);
    if (found == nullptr) return;
    const auto [earlier, number] = *found;
    if (verdict->written - number <= window_) {
      own->fate = Fate::kDuplicateInGroup;
      own->offset = verdict->lines[earlier].offset;
      own->length = verdict->lines[earlier].length;
    }
  }

  // `line` is the next one that is written, after `written` others.
  void AddWritten(size_t line, size_t written) {
    const Fingerprint id = group_.lines[line].fingerprint;
    if (window_ == 0 || id == 0) return;
    if (Written* const earlier = FindInGroup(line)) {
      *earlier = {line, written};
    } else {
      last_in_group_.insert({id, {line, written}});
    }
  }

 private:
  struct Written {
    size_t line;
    size_t number;  // among those that are written
  };

  // The last line before this one that is written and has its id.
  Written* FindInGroup(size_t line) {
    const auto [begin, end] = last_in_group_.equal_range(group_.lines[line].fingerprint);
    for (auto found = begin; found != end; ++found) {
      if (dedupe::IdFinder::Equal(group_.lines[found->second.line].id, group_.lines[line].id))
        return &found->second;
    }
    return nullptr;
  }

  const Group& group_;
  const dedupe::RecentIds& known_;
  const size_t window_;
  std::unordered_multimap<Fingerprint, Written> last_in_group_;
  std::set<std::pair<std::string_view, Position>> asked_;
  std::vector<Position> places_;
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
