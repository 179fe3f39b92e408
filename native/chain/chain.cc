#include "chain/chain.h"

#include <errno.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "chain/link.h"
#include "dedupe/line_walker.h"
#include "files/rotated_files.h"
#include "read/line_grammar.h"

namespace holdfast::chain {
namespace {

// With how many of the last lines the search for the last events begins.
constexpr uint64_t kFirstLines = 4;

// What a writer without a chain reads of the end of a file: the last line, if it knows the file; else more,
// so that torn lines do not hide a chain.
constexpr size_t kEndBytes = kSuffixBytes + 4;
constexpr size_t kWindowBytes = size_t{256} << 10;

// The line of an event with which a new chain begins after one that did not hold.
constexpr std::string_view kRestart = R"({"chainRestart":)";

// True for a line whose first bracket is closed by its last byte, and not before. No part of an object that
// was cut off at its end is one.
bool IsClosed(std::string_view line) {
  line = read::Trim(line);
  if (line.size() < 2 || line.front() != '{') return false;
  const size_t first = line.find_first_not_of(" \t\r", 1);
  if (first == std::string_view::npos || (line[first] != '"' && line[first] != '}')) return false;
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < line.size(); i++) {
    const char byte = line[i];
    if (byte == '\0') return false;
    if (in_string) {
      if (byte == '\\') i++;
      if (byte == '"') in_string = false;
    } else if (byte == '"') {
      in_string = true;
    } else if (byte == '{' || byte == '[') {
      depth++;
    } else if (byte == '}' || byte == ']') {
      if (--depth == 0) return i + 1 == line.size();
    }
  }
  return false;
}

}  // namespace

// The last event of a chronicle, and the link of the one before it.
struct Chain::LastEvents {
  size_t found = 0;  // how many of the two
  // Of the last event; of one that is longer than lines may be, the end only.
  std::string text;
  bool is_long = false;
  std::string before;  // the link of the other; empty if that has none
  // Whether lines between the two are damaged: then an event may be lost that had its link from the one and
  // gave it to the other.
  bool is_gap = false;

  bool IsComplete() const { return found >= 2; }
};

Chain::Chain(std::string path, const dedupe::IdFinder& id_finder, Options options)
    : path_(std::move(path)),
      id_finder_(id_finder),
      options_(options),
      restarts_(options.mode == Mode::kRestart) {}

os::Error Chain::CatchUp(const os::File& file, const os::FileId& id, uint64_t size, Refusal* refusal) {
  *refusal = Refusal::kNone;
  if (IsKnown(file, id, size)) return {};
  Forget();
  if (!is_on()) {
    if (os::Error error = LookForChain(file, id, size, refusal)) return error;
    if (*refusal == Refusal::kNone) Know(id, size);
    return {};
  }
  LastEvents last;
  if (os::Error error = FindLast(file, size, &last)) return error;
  if (last.found > 0) *refusal = Judge(last);
  if (*refusal != Refusal::kNone) return {};
  link_ = kNoLink;
  if (last.found > 0 && !restarts_) link_ = LinkIn(last.text);
  if (!restarts_) Know(id, size);
  return {};
}

// A file that was truncated may have grown to the same size again. Only a chain has to know.
bool Chain::IsKnown(const os::File& file, const os::FileId& id, uint64_t size) const {
  if (id != file_id_ || size != end_) return false;
  if (!is_on() || size <= kSuffixBytes) return true;
  std::array<char, kDigits> digits;
  // They end before `"}` and, unless the last line is unfinished, a newline.
  return !file.ReadAt(size - 3 - kDigits, digits.data(), kDigits) &&
         std::string_view(digits.data(), kDigits) == link_;
}

// For a writer without a chain: whether the last event has a link. A file that was plain once is plain,
// unless its last line says otherwise; only for another one is more read than the end of that.
os::Error Chain::LookForChain(const os::File& file, const os::FileId& id, uint64_t size, Refusal* refusal) {
  bool has_event = false;
  bool is_chained = false;
  const bool was_plain = id == plain_id_;
  if (os::Error error =
          LookAtEnd(file, size, was_plain ? kEndBytes : kWindowBytes, &has_event, &is_chained)) {
    return error;
  }
  if (has_event && !is_chained) plain_id_ = id;
  // Somebody else may rotate, though this writer does not.
  if (!has_event && !was_plain) {
    std::vector<std::string> paths;
    if (os::Error error = files::ListRotatedFiles(os::TargetOf(path_, file), file, &paths)) return error;
    for (auto path = paths.rbegin(); path != paths.rend() && !has_event; ++path) {
      os::File rotated;
      uint64_t rotated_size = 0;
      // One that cannot be read must not stop a writer that has nothing to do with it.
      if (files::OpenRotatedFile(*path, file, &rotated) || rotated.Size(&rotated_size)) continue;
      LookAtEnd(rotated, rotated_size, kWindowBytes, &has_event, &is_chained);
    }
  }
  if (is_chained) *refusal = Refusal::kIsChained;
  return {};
}

os::Error Chain::LookAtEnd(const os::File& file, uint64_t size, size_t window, bool* has_event,
                           bool* is_chained) {
  std::string bytes(static_cast<size_t>(std::min<uint64_t>(size, window)), '\0');
  if (os::Error error = file.ReadAt(size - bytes.size(), bytes.data(), bytes.size())) return error;
  std::string_view rest = bytes;
  if (!rest.empty() && rest.back() == '\n') rest.remove_suffix(1);
  while (!rest.empty()) {
    const size_t newline = rest.rfind('\n');
    const size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
    const std::string_view line = read::Trim(rest.substr(begin));
    // Of a line that begins before the window, the end has to do.
    const bool is_part = begin == 0 && bytes.size() < size;
    if (is_part || IsClosed(line)) {
      *has_event = true;
      *is_chained = !LinkIn(line).empty();
      return {};
    }
    rest = rest.substr(0, begin == 0 ? 0 : begin - 1);
  }
  return {};
}

Refusal Chain::Judge(const LastEvents& last) const {
  const std::string_view link = LinkIn(last.text);
  const bool is_restart = last.text.compare(0, kRestart.size(), kRestart) == 0;
  const bool has_other_key = !last.is_long && !is_restart && id_finder_.Find(last.text).empty();
  if (restarts_) return !link.empty() && has_other_key ? Refusal::kOtherIdKey : Refusal::kNone;
  if (link.empty()) return Refusal::kIsNotChained;
  if (has_other_key) return Refusal::kOtherIdKey;
  // The event before it may have been removed as too old; `verify` tells what it can.
  if (last.found == 1 || last.is_long) return Refusal::kNone;
  if (!last.before.empty() && LinkAfter(last.before, last.text) == link) return Refusal::kNone;
  if (is_restart && LinkAfter(kNoLink, last.text) == link) return Refusal::kNone;
  // What is damaged, readers and `verify` report; it must not end the writing.
  return last.is_gap ? Refusal::kNone : Refusal::kIsBroken;
}

os::Error Chain::FindLast(const os::File& file, uint64_t size, LastEvents* last) {
  if (os::Error error = AddLastOf(file, size, last)) return error;
  return last->IsComplete() ? os::Error{} : AddLastOfRotated(file, last);
}

// Goes back over what a crash may have left, however many lines it is.
os::Error Chain::AddLastOf(const os::File& file, uint64_t size, LastEvents* last) {
  struct Found {
    size_t events = 0;
    std::string text, before;
    bool is_long = false;
    bool is_gap_before = false;  // damage before the last event
    bool is_gap_after = false;

    void Add(std::string_view event, bool long_event) {
      before = LinkIn(text);
      text = event;
      is_long = long_event;
      is_gap_before = std::exchange(is_gap_after, false);
      events++;
    }
  } found;
  // A line that is too long for us may be an event of a writer that takes longer ones.
  const auto pass_long_line = [&](uint64_t end) -> os::Error {
    std::string suffix(kSuffixBytes + 1, '\0');
    if (end < suffix.size()) {
      found.is_gap_after = true;
      return {};
    }
    if (os::Error error = file.ReadAt(end - suffix.size(), suffix.data(), suffix.size())) return error;
    if (LinkIn(suffix).empty()) {
      found.is_gap_after = true;
    } else {
      found.Add(suffix, true);
    }
    return {};
  };
  dedupe::LastLines lines;
  for (uint64_t max = kFirstLines; size > 0 && found.events < 2; max *= 4) {
    if (os::Error error = dedupe::FindLastLines(file, size, max, &lines)) return error;
    found = {};
    uint64_t end = lines.begin;
    dedupe::LineWalker walker(file, {lines.begin, size}, options_.max_line_bytes,
                              dedupe::Tail::kIncludeUnfinished, &buffer_);
    while (walker.Next()) {
      const dedupe::Line& line = walker.line();
      if (line.offset != end) {
        if (os::Error error = pass_long_line(line.offset - 1)) return error;
      }
      end = walker.end();
      if (IsClosed(line.text)) {
        found.Add(line.text, false);
      } else if (!read::IsBlank(line.text)) {
        found.is_gap_after = true;
      }
    }
    if (walker.error()) return walker.error();
    if (end < size) {
      char last_byte = 0;
      if (os::Error error = file.ReadAt(size - 1, &last_byte, 1)) return error;
      if (os::Error error = pass_long_line(last_byte == '\n' ? size - 1 : size)) return error;
    }
    if (lines.count < max) break;
  }
  if (found.events == 0) {
    last->is_gap |= found.is_gap_after;
  } else if (last->found == 0) {
    *last = {found.events, std::move(found.text), found.is_long, std::move(found.before),
             found.is_gap_before};
  } else {
    last->found += found.events;
    last->before = LinkIn(found.text);
    last->is_gap |= found.is_gap_after;
  }
  return {};
}

os::Error Chain::AddLastOfRotated(const os::File& file, LastEvents* last) {
  std::vector<std::string> paths;
  if (os::Error error = files::ListRotatedFiles(path_, file, &paths)) return error;
  for (auto path = paths.rbegin(); path != paths.rend() && !last->IsComplete(); ++path) {
    os::File rotated;
    uint64_t size = 0;
    os::Error error = files::OpenRotatedFile(*path, file, &rotated);
    if (!error) error = rotated.Size(&size);
    if (!error) error = AddLastOf(rotated, size, last);
    if (error && error.number != ENOENT) return error.Of(*path);  // else removed meanwhile, as too old
  }
  return {};
}

void Chain::Link(std::string* lines) {
  for (size_t begin = 0; begin < lines->size();) {
    const size_t end = lines->find('\n', begin);
    link_ = LinkAfter(link_, std::string_view(*lines).substr(begin, end - begin));
    lines->replace(end - 2 - kDigits, kDigits, link_);
    begin = end + 1;
  }
}

}  // namespace holdfast::chain
