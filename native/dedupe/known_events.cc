#include "dedupe/known_events.h"

#include <errno.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "files/names.h"
#include "files/rotated_files.h"
#include "os/random.h"
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
  target_ = with_ids_file() ? os::TargetOf(path_, file) : path_;
  LastLines last;
  if (!with_ids_file()) {
    if (os::Error error = FindLastLines(file, size, lines, &last)) return error;
  }
  if (os::Error error = ListRotated(file, lines, &last.count)) return error;
  if (os::Error error = ChooseHashKey(file)) return error;
  Position first_position = 0;
  for (RotatedFile& rotated : rotated_) {
    rotated.first_position = first_position;
    first_position += rotated.size;
  }
  // While a file is loaded, it is the one that positions from its first one on are in.
  first_position_ = 0;
  for (RotatedFile& rotated : rotated_) {
    os::File opened;
    uint64_t end = 0;
    os::Error error = files::OpenRotatedFile(rotated.path, file, &opened);
    // Nobody writes to it any more, so a last line without newline stays as it is.
    const Range range{rotated.begin, rotated.size};
    if (!error) error = LoadFile(opened, rotated.path, range, Tail::kIncludeUnfinished, &end);
    if (error && error.number != ENOENT) return error.Of(rotated.path);
    first_position_ += rotated.size;
  }
  uint64_t end = 0;
  if (os::Error error = LoadFile(file, target_, {last.begin, size}, Tail::kLeaveUnfinished, &end))
    return error;
  *is_everything = last.count < lines;
  return mark_.Move(file, end);
}

// The key of a file of ids that is there, so that this can be used; else a random one.
os::Error KnownEvents::ChooseHashKey(const os::File& file) {
  if (with_ids_file()) {
    const auto has_key = [&](const std::string& path) {
      return IdsFile::ReadHashKey(files::IdsPath(path), file, &hash_key_);
    };
    has_hash_key_ = has_key(target_) ||
                    std::any_of(rotated_.rbegin(), rotated_.rend(),
                                [&](const auto& rotated) { return has_key(rotated.path); }) ||
                    has_hash_key_;
  }
  if (has_hash_key_) return {};
  const os::Error error = os::RandomBytes(&hash_key_, sizeof hash_key_);
  has_hash_key_ = !error;
  return error;
}

// Lists the rotated files that hold the last `lines` lines, of which `counted` are in files after them.
os::Error KnownEvents::ListRotated(const os::File& file, uint64_t lines, uint64_t* counted) {
  rotated_.clear();
  if (!options_.with_rotated) return {};
  std::vector<std::string> paths;
  if (os::Error error = files::ListRotatedFiles(path_, file, &paths)) return error;
  for (auto path = paths.rbegin(); path != paths.rend() && *counted < lines; ++path) {
    RotatedFile rotated;
    rotated.path = *path;
    os::File opened;
    LastLines last;
    os::Error error = files::OpenRotatedFile(rotated.path, file, &opened);
    if (error.number == ENOENT) continue;  // removed meanwhile, as too old
    if (!error) error = opened.Size(&rotated.size);
    if (!error && !with_ids_file()) error = FindLastLines(opened, rotated.size, lines - *counted, &last);
    if (error) return error.Of(rotated.path);
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
  os::Error add_error;
  const auto add = [&](const std::vector<IdsFile::Record>& records) {
    for (size_t i = 0; i < records.size() && !add_error; i++) {
      if (i + kPrefetched < records.size()) recent_ids_.Prefetch(records[i + kPrefetched].id, 0);
      add_error = Add(file, records[i].id, records[i].offset, Source::kFileOfIds);
    }
  };
  IdsFile::Identity identity{files::IdsPath(path), hash_key_, id_finder_.key(), {}};
  if (os::Error error = file.Id(&identity.chronicle)) return error;
  const IdsFile::Receiver receiver{[this](size_t more) { recent_ids_.Reserve(more); }, add};
  range.begin = ids_file_.Load(std::move(identity), file, range.end, receiver);
  if (add_error) return add_error;
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
  os::Error error;
  const auto add = [&] {
    for (size_t i = 0; i < count && !error; i++)
      error = Add(file, found[i].id, found[i].offset, Source::kFile);
    count = 0;
  };
  LineWalker lines(file, range, options_.max_line_bytes, tail, &buffer_);
  while (!error && lines.Next()) {
    const Line& line = lines.line();
    if (!read::IsEvent(line.text)) continue;
    const Fingerprint id = FingerprintOf(id_finder_.Find(line.text));
    recent_ids_.Prefetch(id, count);
    found[count++] = {id, line.offset};
    if (count == found.size()) add();
  }
  add();
  *end = lines.end();
  return error ? error : lines.error();
}

std::string_view KnownEvents::IdIn(std::string_view line) const {
  return read::IsEvent(line) ? id_finder_.Find(line) : std::string_view();
}

os::Error KnownEvents::Look(const os::File& file, std::string_view id, Position place, std::string* line,
                            Found* found) const {
  os::Error error = ReadLine(file, place, line);
  if (error.number == ENOENT) {
    line->clear();
    *found = Found::kGone;
    return {};
  }
  const std::string_view other = IdIn(*line);
  *found = IdFinder::Equal(other, id)                  ? Found::kCopy
           : FingerprintOf(other) == FingerprintOf(id) ? Found::kOther
                                                       : Found::kNothing;
  return error;
}

os::Error KnownEvents::Reject(const os::File& file, std::string_view id, Position place, Found found) {
  std::optional<Position> next;
  // Only a file of ids is wrong about a place. From a damaged line no search goes back, or two of them would
  // be taken in turn for ever.
  const bool is_wrong = with_ids_file() && found == Found::kNothing;
  const Search search = is_wrong ? Search::kEverywhere : Search::kAfter;
  if (os::Error error = FindOther(file, id, place, search, &next)) return error;
  const Fingerprint fingerprint = FingerprintOf(id);
  recent_ids_.Places(fingerprint, 0, &places_);
  if (next && std::find(places_.begin(), places_.end(), *next) == places_.end()) {
    recent_ids_.Move(fingerprint, place, *next);
  } else {
    recent_ids_.Remove(fingerprint, place);
  }
  return {};
}

void KnownEvents::Remove(std::string_view id, Position place) {
  recent_ids_.Remove(FingerprintOf(id), place);
}

// The first line, or the first one after that at `position`, that may be an event with this id.
os::Error KnownEvents::FindOther(const os::File& file, std::string_view id, Position position, Search where,
                                 std::optional<Position>* next) {
  const Position from = where == Search::kAfter ? position : 0;
  // The offset in the file that begins at this position from which on it is searched.
  const auto begin = [from](Position first) { return from < first ? 0 : from - first; };
  const auto search = [&](const os::File& in, Position first, uint64_t size) {
    LineWalker lines(in, {begin(first), size}, options_.max_line_bytes, Tail::kIncludeUnfinished, &buffer_);
    while (!*next && lines.Next()) {
      const Line& line = lines.line();
      if (first + line.offset != position && IdFinder::Equal(IdIn(line.text), id)) {
        *next = first + line.offset;
      }
    }
    return lines.error();
  };
  for (const RotatedFile& rotated : rotated_) {
    if (rotated.first_position + rotated.size <= from) continue;
    os::File opened;
    os::Error error = files::OpenRotatedFile(rotated.path, file, &opened);
    if (error.number == ENOENT) continue;  // removed, as too old
    if (!error) error = search(opened, rotated.first_position, rotated.size);
    if (error || *next) return error.Of(rotated.path);
  }
  return search(file, first_position_, mark_.end());
}

// Adds the next event of this file.
os::Error KnownEvents::Add(const os::File& file, Fingerprint id, uint64_t offset, Source source) {
  recent_ids_.Places(id, 1, &places_);
  if (!places_.empty()) return AddAgain(file, id, offset, source);
  recent_ids_.Add(id, first_position_ + offset);
  if (source == Source::kFile && with_ids_file() && id != 0) ids_file_.Add(file, id, offset);
  return {};
}

// Adds an event whose fingerprint is known, at `places_`. Either it is another copy of an event, or its id
// has the fingerprint of another one. Of each id the first place is kept, and the last: it is the one that
// stays when rotated files are removed.
os::Error KnownEvents::AddAgain(const os::File& file, Fingerprint id, uint64_t offset, Source source) {
  const Position own_place = first_position_ + offset;
  // In a file of ids, each file has its own first place of an id.
  if (source == Source::kFileOfIds && places_.size() < 2) {
    recent_ids_.Add(id, own_place);
    return {};
  }
  std::string own_line, line;
  if (os::Error error = ReadLine(file, own_place, &own_line)) return error;
  const std::string_view own_id = IdIn(own_line);
  if (FingerprintOf(own_id) != id) {  // the file of ids lies, or the file has changed
    recent_ids_.Add(0, own_place);
    return {};
  }
  bool is_first_of_file = true;
  bool replaces_last = false;
  size_t copies = 0;
  Position last_copy = 0;
  for (auto place = places_.rbegin(); place != places_.rend() && copies < 2; ++place) {
    Found found;
    if (os::Error error = Look(file, own_id, *place, &line, &found)) return error;
    if (found == Found::kNothing || found == Found::kGone) recent_ids_.Remove(id, *place);
    if (found != Found::kCopy) continue;
    if (copies++ == 0) last_copy = *place;
    if (*place >= first_position_) is_first_of_file = false;
    replaces_last = copies == 2;
    // Nearly always there are no others: a look less for each of many copies.
    if (places_.size() == 2 && place == places_.rbegin()) replaces_last = true;
    if (replaces_last) break;
  }
  if (replaces_last) recent_ids_.Remove(id, last_copy);
  recent_ids_.Add(id, own_place);
  if (source == Source::kFile && with_ids_file() && is_first_of_file) ids_file_.Add(file, id, offset);
  return {};
}

void KnownEvents::AddWritten(const os::File& file, Fingerprint id, uint64_t offset) {
  recent_ids_.Add(id, first_position_ + offset);
  if (with_ids_file() && id != 0) ids_file_.Add(file, id, offset);
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

// The line at this position, without its newline; ENOENT if its file was removed.
os::Error KnownEvents::ReadLine(const os::File& file, Position position, std::string* line) const {
  const Location location = Locate(position);
  if (location.rotated.empty()) return ReadLineAt(file, location.offset, options_.max_line_bytes, line);
  os::File rotated;
  const os::Error error = files::OpenRotatedFile(location.rotated, file, &rotated);
  if (error) return error;
  return ReadLineAt(rotated, location.offset, options_.max_line_bytes, line).Of(location.rotated);
}

void KnownEvents::Save(const os::File& file) {
  // After a failure it is not certain that every id up to end() was added.
  if (file_id_ == os::FileId()) return;
  uint64_t size = 0;
  if (with_ids_file() && !file.Size(&size) && IsOf(file, file_id_, size)) ids_file_.Save(file, end());
}

}  // namespace holdfast::dedupe
