#include "dedupe/known_events.h"

#include <errno.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "dedupe/hash.h"
#include "files/rotation.h"

namespace holdfast::dedupe {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 18;

// So many ids wait for memory at once.
constexpr size_t kAhead = 32;

// The mark is the last line, or so much of it, which holds the id of an event wherever that stands in it; and
// no less than the other, because a line may be short.
constexpr uint64_t kMaxMarkBytes = 4096;
constexpr uint64_t kMinMarkBytes = 96;

// Of the bytes that end where the mark ends, those that are the mark.
std::string_view MarkIn(std::string_view bytes) {
  if (bytes.size() > kMaxMarkBytes) bytes.remove_prefix(bytes.size() - kMaxMarkBytes);
  const size_t newline = bytes.size() < 2 ? std::string_view::npos : bytes.rfind('\n', bytes.size() - 2);
  const size_t line = newline == std::string_view::npos ? 0 : newline + 1;
  const size_t least = bytes.size() - std::min<size_t>(bytes.size(), kMinMarkBytes);
  return bytes.substr(std::min(line, least));
}

// Calls `take` with each line from `from` to `to` and its offset, without newline, until that answers false;
// lines that are longer than `max` are left out. `end` is where the last one ends, an unfinished one as
// `tail` says.
template <typename Take>
os::Error EachLine(const os::File& file, uint64_t from, uint64_t to, uint64_t max, Tail tail,
                   std::string* buffer, uint64_t* end, Take take) {
  size_t kept = 0;         // bytes of a line that has begun, at the front of the buffer
  uint64_t offset = from;  // where that line begins
  bool too_long = false;   // then its bytes are not kept
  *end = from;
  for (uint64_t at = from; at < to;) {
    const size_t length = static_cast<size_t>(std::min<uint64_t>(to - at, kChunkBytes));
    if (buffer->size() < kept + length) buffer->resize(kept + length);
    if (os::Error error = file.ReadAt(at, &(*buffer)[kept], length)) return error;
    at += length;
    const char* line = buffer->data();
    const char* const stop = buffer->data() + kept + length;
    const char* search = line + kept;
    while (const char* newline =
               static_cast<const char*>(std::memchr(search, '\n', static_cast<size_t>(stop - search)))) {
      const std::string_view text(line, static_cast<size_t>(newline - line));
      if (!too_long && text.size() <= max && !take(text, offset)) return {};
      too_long = false;
      search = line = newline + 1;
      offset = at - static_cast<uint64_t>(stop - line);
      *end = offset;
    }
    kept = static_cast<size_t>(stop - line);
    if (kept > max) too_long = true;
    if (too_long) kept = 0;
    std::memmove(buffer->data(), line, kept);
  }
  if (tail == Tail::kIncludeUnfinished && *end < to) {
    if (!too_long) take(std::string_view(buffer->data(), kept), offset);
    *end = to;
  }
  if (buffer->size() > 4 * kChunkBytes) *buffer = std::string();
  return {};
}

// Where the last `lines` lines of the file begin, and how many of them there are.
os::Error StartOfLast(const os::File& file, uint64_t size, uint64_t lines, uint64_t* start,
                      uint64_t* counted) {
  std::string chunk;
  *start = 0;
  *counted = 0;
  for (uint64_t at = size; at > 0;) {
    chunk.resize(static_cast<size_t>(std::min<uint64_t>(at, kChunkBytes)));
    at -= chunk.size();
    if (os::Error error = file.ReadAt(at, chunk.data(), chunk.size())) return error;
    for (size_t end = chunk.rfind('\n'); end != std::string::npos;
         end = end == 0 ? std::string::npos : chunk.rfind('\n', end - 1)) {
      // The newline at the very end closes the last line and begins none.
      if (at + end + 1 == size) continue;
      if (++*counted == lines) {
        *start = at + end + 1;
        return {};
      }
    }
  }
  ++*counted;
  return {};
}

}  // namespace

KnownEvents::KnownEvents(std::string path, const IdFinder& id_finder, size_t window, uint64_t max_line_bytes,
                         bool rotated)
    : path_(std::move(path)),
      id_finder_(id_finder),
      max_line_bytes_(max_line_bytes),
      with_rotated_(rotated),
      recent_ids_(window) {}

bool KnownEvents::IsOf(const os::File& file, const os::FileId& id, uint64_t size) const {
  if (id != file_ || size < end_) return false;
  char now[kMaxMarkBytes];
  return !file.ReadAt(end_ - mark_.size(), now, mark_.size()) &&
         std::memcmp(now, mark_.data(), mark_.size()) == 0;
}

os::Error KnownEvents::Load(const os::File& file, const os::FileId& id, uint64_t size) {
  file_ = {};
  uint64_t lines = recent_ids_.window();
  const bool all = lines == RecentIds::kAll;
  for (bool enough = false; !enough; lines *= 2) {
    recent_ids_.Clear();
    rotated_.clear();
    std::vector<std::string> paths;
    if (with_rotated_) {
      if (os::Error error = files::RotatedFiles(path_, &paths)) return error;
    }
    uint64_t start = 0, counted = 0;
    if (!all) {
      if (os::Error error = StartOfLast(file, size, lines, &start, &counted)) return error;
    }
    std::vector<uint64_t> starts;
    for (auto path = paths.rbegin(); path != paths.rend() && counted < lines; ++path) {
      RotatedFile rotated{*path, 0, 0};
      os::File opened;
      os::Error error = os::File::OpenForReading(rotated.path, &opened);
      if (error.number == ENOENT) continue;  // removed meanwhile, as too old
      if (!error) error = opened.Size(&rotated.size);
      uint64_t begin = 0, more = 0;
      if (!error && !all) error = StartOfLast(opened, rotated.size, lines - counted, &begin, &more);
      if (error) return error;
      counted += more;
      rotated_.insert(rotated_.begin(), std::move(rotated));
      starts.insert(starts.begin(), begin);
    }
    first_position_ = 0;
    for (size_t i = 0; i < rotated_.size(); i++) {
      rotated_[i].first_position = first_position_;
      os::File opened;
      os::Error error = os::File::OpenForReading(rotated_[i].path, &opened);
      if (!error)
        error = LoadFile(opened, files::IdsPath(rotated_[i].path), starts[i], rotated_[i].size,
                         Tail::kIncludeUnfinished);
      if (error && error.number != ENOENT) return error;
      first_position_ += rotated_[i].size;
    }
    if (os::Error error = LoadFile(file, files::IdsPath(path_), start, size, Tail::kLeaveUnfinished))
      return error;
    // Where some of the lines were no events, look further back for more.
    enough = recent_ids_.count() >= recent_ids_.window() || counted < lines;
  }
  file_ = id;
  return Mark(file, end_);
}

os::Error KnownEvents::LoadFile(const os::File& file, std::string ids_path, uint64_t from, uint64_t size,
                                Tail tail) {
  const bool all = recent_ids_.window() == RecentIds::kAll;
  if (all) {
    os::FileId id;
    if (os::Error error = file.Id(&id)) return error;
    from = ids_file_.Load(
        std::move(ids_path), id_finder_.key_hash(), file, id, size,
        [this](size_t more) { recent_ids_.Reserve(more); },
        [this](const std::vector<IdsFile::Record>& records) {
          for (size_t i = 0; i < records.size(); i++) {
            if (i + kAhead < records.size()) recent_ids_.Prefetch(records[i + kAhead].id, 0);
            const Position position = first_position_ + records[i].offset;
            // An id stands there twice where the first position was found to be wrong.
            if (!recent_ids_.Add(records[i].id, position)) recent_ids_.Replace(records[i].id, position);
          }
        });
  }
  if (os::Error error = Scan(file, from, size, tail, &end_)) return error;
  if (all) ids_file_.Save(file, end_);
  return {};
}

os::Error KnownEvents::CatchUp(const os::File& file, uint64_t size, Tail tail) {
  const uint64_t before = end_;
  uint64_t end = end_;
  os::Error error = Scan(file, end_, size, tail, &end);
  if (!error && end != before) error = Mark(file, end);
  // Some of it may have been taken up already: look at the file afresh the next time.
  if (error) file_ = {};
  return error;
}

os::Error KnownEvents::Scan(const os::File& file, uint64_t from, uint64_t to, Tail tail, uint64_t* end) {
  std::array<IdsFile::Record, kAhead> found;
  size_t count = 0;
  const auto add = [&] {
    for (size_t i = 0; i < count; i++) Add(file, found[i].id, found[i].offset);
    count = 0;
  };
  const os::Error error = EachLine(file, from, to, max_line_bytes_, tail, &buffer_, end,
                                   [&](std::string_view line, uint64_t offset) {
                                     if (!IdFinder::IsEvent(line)) return true;
                                     const Fingerprint id = id_finder_.FingerprintOf(id_finder_.Find(line));
                                     recent_ids_.Prefetch(id, count);
                                     found[count++] = {id, offset};
                                     if (count == found.size()) add();
                                     return true;
                                   });
  add();
  return error;
}

os::Error KnownEvents::Reject(const os::File& file, Fingerprint id, Position position) {
  std::optional<Position> next;
  const auto search = [&](const os::File& in, uint64_t from, uint64_t to, Position first_position) {
    uint64_t end = 0;
    return EachLine(in, from, to, max_line_bytes_, Tail::kIncludeUnfinished, &buffer_, &end,
                    [&](std::string_view line, uint64_t offset) {
                      const bool other = first_position + offset != position;
                      const bool same =
                          IdFinder::IsEvent(line) && id_finder_.FingerprintOf(id_finder_.Find(line)) == id;
                      if (other && same) next = first_position + offset;
                      return !next;
                    });
  };
  const Location location = Locate(position);
  bool reached = location.rotated.empty();
  for (const RotatedFile& rotated : rotated_) {
    reached = reached || rotated.path == location.rotated;
    if (!reached || location.rotated.empty() || next) continue;
    os::File opened;
    os::Error error = os::File::OpenForReading(rotated.path, &opened);
    const bool first = rotated.path == location.rotated;
    if (!error) {
      error = search(opened, first ? location.offset : 0, rotated.size, rotated.first_position);
    } else if (error.number == ENOENT && first) {
      break;  // with the events of a file that is gone, nobody compares any more
    }
    if (error && error.number != ENOENT) return error;
  }
  if (!next && location.rotated.empty()) {
    if (os::Error error = search(file, location.offset, end_, first_position_)) return error;
  }
  recent_ids_.Replace(id, next);
  return {};
}

void KnownEvents::Add(const os::File& file, Fingerprint id, uint64_t offset) {
  const bool is_new = recent_ids_.Add(id, first_position_ + offset);
  if (is_new && recent_ids_.window() == RecentIds::kAll) ids_file_.Add(file, id, offset);
}

os::Error KnownEvents::Mark(const os::File& file, uint64_t end) {
  end_ = end;
  std::string bytes(static_cast<size_t>(std::min(end, kMaxMarkBytes)), '\0');
  if (os::Error error = file.ReadAt(end - bytes.size(), bytes.data(), bytes.size())) return error;
  mark_ = MarkIn(bytes);
  return {};
}

void KnownEvents::SetEnd(const os::File& file, uint64_t end, std::string_view last_bytes) {
  const std::string_view mark = MarkIn(last_bytes);
  // Whole lines were written, so if they are long enough, what stands before them does not matter.
  if (mark.size() >= kMinMarkBytes) {
    mark_ = mark;
    end_ = end;
  } else if (Mark(file, end)) {
    // What was written stays written. Without the mark, the file is looked at afresh.
    file_ = {};
  }
}

Location KnownEvents::Locate(Position position) const {
  if (position >= first_position_) return {position - first_position_, {}};
  auto after =
      std::upper_bound(rotated_.begin(), rotated_.end(), position,
                       [](uint64_t wanted, const RotatedFile& file) { return wanted < file.first_position; });
  --after;
  return {position - after->first_position, after->path};
}

os::Error KnownEvents::ReadLine(const os::File& file, Position position, std::string* line) const {
  const Location location = Locate(position);
  os::File rotated;
  if (!location.rotated.empty()) {
    const os::Error error = os::File::OpenForReading(location.rotated, &rotated);
    if (error.number == ENOENT) return {};  // removed, as too old
    if (error) return error;
  }
  const os::File& from = location.rotated.empty() ? file : rotated;
  uint64_t size = 0;
  if (os::Error error = from.Size(&size)) return error;
  line->clear();
  for (size_t more = 4096; location.offset + line->size() < size; more *= 2) {
    const size_t before = line->size();
    line->resize(before + static_cast<size_t>(std::min<uint64_t>(more, size - location.offset - before)));
    if (os::Error error = from.ReadAt(location.offset + before, &(*line)[before], line->size() - before)) {
      return error;
    }
    const size_t newline = line->find('\n', before);
    if (newline != std::string::npos) {
      line->resize(newline);
      return {};
    }
    if (line->size() > max_line_bytes_) line->clear();
    if (line->empty()) return {};
  }
  return {};
}

void KnownEvents::Save(const os::File& file) {
  // After a failure it is not certain that every id up to end_ was taken up.
  if (file_ == os::FileId()) return;
  uint64_t size = 0;
  if (recent_ids_.window() == RecentIds::kAll && !file.Size(&size) && IsOf(file, file_, size)) {
    ids_file_.Save(file, end_);
  }
}

}  // namespace holdfast::dedupe
