#include "chain/chain.h"

#include <errno.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "chain/link.h"
#include "dedupe/line_walker.h"
#include "files/rotation.h"
#include "read/line_grammar.h"

namespace holdfast::chain {
namespace {

// With how many of the last lines the search for the last events begins.
constexpr uint64_t kFirstLines = 4;

// The line of an event with which a new chain begins after one that did not hold.
constexpr std::string_view kRestart = R"({"chainRestart":)";

// True for a line whose first bracket is closed by its last byte, and not before. No part of an object that
// was cut off at its end is one.
bool IsClosed(std::string_view line) {
  line = read::Trim(line);
  if (line.empty() || line.front() != '{') return false;
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
  size_t found = 0;    // how many of the two
  std::string text;    // of the last event
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
  if (restarts_) {
    link_ = kNoLink;
    return {};
  }
  if (IsKnown(file, id, size)) return {};
  Forget();
  LastEvents last;
  if (os::Error error = FindLast(file, size, &last)) return error;
  if (last.found > 0) *refusal = Judge(last);
  if (*refusal != Refusal::kNone) return {};
  link_ = kNoLink;
  if (is_on() && last.found > 0) link_ = LinkIn(last.text);
  SetEnd(id, size);
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

Refusal Chain::Judge(const LastEvents& last) const {
  const std::string_view link = LinkIn(last.text);
  if (!is_on()) return link.empty() ? Refusal::kNone : Refusal::kIsChained;
  if (link.empty()) return Refusal::kIsNotChained;
  if (id_finder_.Find(last.text).empty()) return Refusal::kOtherIdKey;
  if (!last.before.empty() && LinkAfter(last.before, last.text) == link) return Refusal::kNone;
  const bool is_restart = last.text.compare(0, kRestart.size(), kRestart) == 0;
  if (is_restart && LinkAfter(kNoLink, last.text) == link) return Refusal::kNone;
  // What is damaged, readers and `verify` report; it must not end the writing.
  return last.is_gap ? Refusal::kNone : Refusal::kIsBroken;
}

os::Error Chain::FindLast(const os::File& file, uint64_t size, LastEvents* last) {
  if (!is_on() && size > kSuffixBytes) {
    // Nearly always the last bytes tell.
    std::array<char, kSuffixBytes + 2> bytes;
    const size_t length = std::min<uint64_t>(size, bytes.size());
    if (os::Error error = file.ReadAt(size - length, bytes.data(), length)) return error;
    const std::string_view end(bytes.data(), length);
    if (end.substr(length - 2) == "}\n") {
      last->found = 1;
      last->text = end.substr(0, length - 1);
      return {};
    }
  }
  if (os::Error error = AddLastOf(file, size, last)) return error;
  if (!last->IsComplete() && (is_on() || options_.with_rotated)) {
    if (os::Error error = AddLastOfRotated(last)) return error;
  }
  if (last->found == 1) last->before = kNoLink;
  return {};
}

// Goes back over what a crash may have left, however many lines it is.
os::Error Chain::AddLastOf(const os::File& file, uint64_t size, LastEvents* last) {
  struct Found {
    size_t events = 0;
    std::string text, before;
    bool is_gap_before = false;  // damage before the last event
    bool is_gap_after = false;
  } found;
  dedupe::LastLines lines;
  for (uint64_t max = kFirstLines; size > 0 && found.events < 2; max *= 4) {
    if (os::Error error = dedupe::FindLastLines(file, size, max, &lines)) return error;
    found = {};
    uint64_t end = lines.begin;
    dedupe::LineWalker walker(file, {lines.begin, size}, options_.max_line_bytes,
                              dedupe::Tail::kIncludeUnfinished, &buffer_);
    while (walker.Next()) {
      const dedupe::Line& line = walker.line();
      if (line.offset != end) found.is_gap_after = true;  // a line that is too long
      end = walker.end();
      if (IsClosed(line.text)) {
        found.before = LinkIn(found.text);
        found.text = line.text;
        found.is_gap_before = std::exchange(found.is_gap_after, false);
        found.events++;
      } else if (!read::IsBlank(line.text)) {
        found.is_gap_after = true;
      }
    }
    if (walker.error()) return walker.error();
    if (lines.count < max) break;
  }
  if (found.events == 0) {
    last->is_gap |= found.is_gap_after;
  } else if (last->found == 0) {
    *last = {found.events, std::move(found.text), std::move(found.before), found.is_gap_before};
  } else {
    last->found += found.events;
    last->before = LinkIn(found.text);
    last->is_gap |= found.is_gap_after;
  }
  return {};
}

os::Error Chain::AddLastOfRotated(LastEvents* last) {
  std::vector<std::string> paths;
  if (os::Error error = files::RotatedFiles(path_, &paths)) return error;
  for (auto path = paths.rbegin(); path != paths.rend() && !last->IsComplete(); ++path) {
    os::File file;
    uint64_t size = 0;
    os::Error error = os::File::OpenForReading(*path, &file);
    if (error.number == ENOENT) continue;  // removed meanwhile, as too old
    if (!error) error = file.Size(&size);
    if (!error) error = AddLastOf(file, size, last);
    if (error) return error;
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
