#include "dedupe/known_events.h"

#include <errno.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "files/names.h"
#include "files/rotation.h"
#include "read/line_grammar.h"

namespace holdfast::dedupe {
namespace {

// How many ids are prefetched together.
constexpr size_t kPrefetched = 32;

}  // namespace

KnownEvents::KnownEvents(std::string path, const IdFinder& id_finder, Options options)
    : path_(std::move(path)), id_finder_(id_finder), options_(options), recent_ids_(options.window) {}

bool KnownEvents::IsOf(const os::File& file, const os::FileId& id, uint64_t size) const {
  return id == file_id_ && mark_.IsIn(file, size);
}

os::Error KnownEvents::Load(const os::File& file, const os::FileId& id, uint64_t size) {
  assert(is_on());
  file_id_ = {};
  // If some of the lines turn out to be no events, more are read.
  bool is_everything = false;
  for (uint64_t lines = options_.window; !is_everything; lines *= 2) {
    if (os::Error error = LoadLast(file, size, lines, &is_everything)) return error;
    if (recent_ids_.count() >= options_.window) break;
  }
  file_id_ = id;
  return {};
}

// Loads the last `lines` lines, and says whether there are no more.
os::Error KnownEvents::LoadLast(const os::File& file, uint64_t size, uint64_t lines, bool* is_everything) {
  recent_ids_.Clear();
  LastLines last;
  if (!with_ids_file()) {
    if (os::Error error = FindLastLines(file, size, lines, &last)) return error;
  }
  if (os::Error error = ListRotated(lines, &last.count)) return error;
  first_position_ = 0;
  for (RotatedFile& rotated : rotated_) {
    rotated.first_position = first_position_;
    os::File opened;
    uint64_t end = 0;
    os::Error error = os::File::OpenForReading(rotated.path, &opened);
    // Nobody writes to it any more, so a last line without newline stays as it is.
    const Range range{rotated.begin, rotated.size};
    if (!error) error = LoadFile(opened, rotated.path, range, Tail::kIncludeUnfinished, &end);
    if (error && error.number != ENOENT) return error;
    first_position_ += rotated.size;
  }
  uint64_t end = 0;
  if (os::Error error = LoadFile(file, path_, {last.begin, size}, Tail::kLeaveUnfinished, &end)) return error;
  *is_everything = last.count < lines;
  return mark_.Move(file, end);
}

// Lists the rotated files that hold the last `lines` lines, of which `counted` are in files after them.
os::Error KnownEvents::ListRotated(uint64_t lines, uint64_t* counted) {
  rotated_.clear();
  if (!options_.with_rotated) return {};
  std::vector<std::string> paths;
  if (os::Error error = files::RotatedFiles(path_, &paths)) return error;
  for (auto path = paths.rbegin(); path != paths.rend() && *counted < lines; ++path) {
    RotatedFile rotated;
    rotated.path = *path;
    os::File opened;
    LastLines last;
    os::Error error = os::File::OpenForReading(rotated.path, &opened);
    if (error.number == ENOENT) continue;  // removed meanwhile, as too old
    if (!error) error = opened.Size(&rotated.size);
    if (!error && !with_ids_file()) error = FindLastLines(opened, rotated.size, lines - *counted, &last);
    if (error) return error;
    *counted += last.count;
    rotated.begin = last.begin;
    rotated_.push_back(std::move(rotated));
  }
  std::reverse(rotated_.begin(), rotated_.end());
  return {};
}

// Adds the events of one file; with a file of ids, reads only what that does not know.
os::Error KnownEvents::LoadFile(const os::File& file, const std::string& path, Range range, Tail tail,
                                uint64_t* end) {
  if (!with_ids_file()) return Scan(file, range, tail, end);
  const auto add = [this](const std::vector<IdsFile::Record>& records) {
    for (size_t i = 0; i < records.size(); i++) {
      if (i + kPrefetched < records.size()) recent_ids_.Prefetch(records[i + kPrefetched].id, 0);
      const Position position = first_position_ + records[i].offset;
      // An id that is there twice had a first position that turned out to be wrong.
      if (!recent_ids_.Add(records[i].id, position)) recent_ids_.Replace(records[i].id, position);
    }
  };
  IdsFile::Identity identity{files::IdsPath(path), id_finder_.key_hash(), {}};
  if (os::Error error = file.Id(&identity.chronicle)) return error;
  const IdsFile::Receiver receiver{[this](size_t more) { recent_ids_.Reserve(more); }, add};
  range.begin = ids_file_.Load(std::move(identity), file, range.end, receiver);
  // It may know more than there was when the caller asked for the size: others append meanwhile.
  range.end = std::max(range.begin, range.end);
  if (os::Error error = Scan(file, range, tail, end)) return error;
  ids_file_.Save(file, *end);
  return {};
}

os::Error KnownEvents::CatchUp(const os::File& file, uint64_t size, Tail tail) {
  uint64_t end = 0;
  os::Error error = Scan(file, {mark_.end(), size}, tail, &end);
  if (!error && end != mark_.end()) error = mark_.Move(file, end);
  // Some of it may have been added already, and must not be added again.
  if (error) Forget();
  return error;
}

// Adds the events of these lines, and says where the last line ends.
os::Error KnownEvents::Scan(const os::File& file, Range range, Tail tail, uint64_t* end) {
  std::array<IdsFile::Record, kPrefetched> found;
  size_t count = 0;
  const auto add = [&] {
    for (size_t i = 0; i < count; i++) Add(file, found[i].id, found[i].offset);
    count = 0;
  };
  LineWalker lines(file, range, options_.max_line_bytes, tail, &buffer_);
  while (lines.Next()) {
    const Line& line = lines.line();
    if (!read::IsEvent(line.text)) continue;
    const Fingerprint id = id_finder_.FingerprintOf(id_finder_.Find(line.text));
    recent_ids_.Prefetch(id, count);
    found[count++] = {id, line.offset};
    if (count == found.size()) add();
  }
  add();
  *end = lines.end();
  return lines.error();
}

os::Error KnownEvents::Reject(const os::File& file, Fingerprint id, Position position) {
  std::optional<Position> next;
  if (os::Error error = FindAfter(file, id, position, &next)) return error;
  recent_ids_.Replace(id, next);
  return {};
}

// The first line after the one at `position` that may be an event with this id.
os::Error KnownEvents::FindAfter(const os::File& file, Fingerprint id, Position position,
                                 std::optional<Position>* next) {
  // The offset in the file that begins at this position from which on it is searched.
  const auto begin = [position](Position first) { return position < first ? 0 : position - first; };
  const auto search = [&](const os::File& in, Position first, uint64_t size) {
    LineWalker lines(in, {begin(first), size}, options_.max_line_bytes, Tail::kIncludeUnfinished, &buffer_);
    while (!*next && lines.Next()) {
      const Line& line = lines.line();
      if (first + line.offset == position || !read::IsEvent(line.text)) continue;
      if (id_finder_.FingerprintOf(id_finder_.Find(line.text)) == id) *next = first + line.offset;
    }
    return lines.error();
  };
  for (const RotatedFile& rotated : rotated_) {
    if (rotated.first_position + rotated.size <= position) continue;
    os::File opened;
    os::Error error = os::File::OpenForReading(rotated.path, &opened);
    if (error.number == ENOENT) {
      // Removed, as too old. If it held the event itself, that is out of reach of deduplication now, and the
      // rest is not read for it.
      if (rotated.first_position <= position) return {};
      continue;
    }
    if (!error) error = search(opened, rotated.first_position, rotated.size);
    if (error || *next) return error;
  }
  return search(file, first_position_, mark_.end());
}

void KnownEvents::Add(const os::File& file, Fingerprint id, uint64_t offset) {
  const bool is_new = recent_ids_.Add(id, first_position_ + offset);
  if (is_new && with_ids_file()) ids_file_.Add(file, id, offset);
}

void KnownEvents::SetEnd(const os::File& file, uint64_t end, std::string_view written) {
  // What was written stays written. Without a mark, the file is read anew the next time.
  if (mark_.MoveAfter(written, file, end)) Forget();
}

Location KnownEvents::Locate(Position position) const {
  if (position >= first_position_) return {position - first_position_, {}};
  assert(!rotated_.empty());
  auto after =
      std::upper_bound(rotated_.begin(), rotated_.end(), position,
                       [](Position wanted, const RotatedFile& file) { return wanted < file.first_position; });
  --after;
  return {position - after->first_position, after->path};
}

os::Error KnownEvents::ReadLine(const os::File& file, Position position, std::string* line) const {
  const Location location = Locate(position);
  if (location.rotated.empty()) return ReadLineAt(file, location.offset, options_.max_line_bytes, line);
  os::File rotated;
  const os::Error error = os::File::OpenForReading(location.rotated, &rotated);
  if (error.number == ENOENT) {  // removed, as too old
    line->clear();
    return {};
  }
  return error ? error : ReadLineAt(rotated, location.offset, options_.max_line_bytes, line);
}

void KnownEvents::Save(const os::File& file) {
  // After a failure it is not certain that every id up to end() was added.
  if (file_id_ == os::FileId()) return;
  uint64_t size = 0;
  if (with_ids_file() && !file.Size(&size) && IsOf(file, file_id_, size)) ids_file_.Save(file, end());
}

}  // namespace holdfast::dedupe
