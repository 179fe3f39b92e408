#include "dedupe/known_events.h"

#include <errno.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "dedupe/hash.h"
#include "files/rotation.h"

namespace holdfast::append {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 18;

// So many ids wait for memory at once.
constexpr size_t kAhead = 32;

// The mark is the last line, or so much of it, which holds the id of an event wherever that stands in it; and
// no less than the other, because a line may be short.
constexpr uint64_t kMostMarkBytes = 4096;
constexpr uint64_t kLeastMarkBytes = 96;

// Of the bytes that end where the mark ends, those that are the mark.
std::string_view MarkIn(std::string_view bytes) {
  if (bytes.size() > kMostMarkBytes) bytes.remove_prefix(bytes.size() - kMostMarkBytes);
  const size_t newline = bytes.size() < 2 ? std::string_view::npos : bytes.rfind('\n', bytes.size() - 2);
  const size_t line = newline == std::string_view::npos ? 0 : newline + 1;
  const size_t least = bytes.size() - std::min<size_t>(bytes.size(), kLeastMarkBytes);
  return bytes.substr(std::min(line, least));
}

// Calls `take` with each line from `from` to `to` and its offset, without newline, until that answers false;
// lines that are longer than `most` are left out. `end` is where the last one ends that has a newline; with
// `whole`, the last one need not have one.
template <typename Take>
os::Error EachLine(const os::File& file, uint64_t from, uint64_t to, uint64_t most, bool whole,
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
      if (!too_long && text.size() <= most && !take(text, offset)) return {};
      too_long = false;
      search = line = newline + 1;
      offset = at - static_cast<uint64_t>(stop - line);
      *end = offset;
    }
    kept = static_cast<size_t>(stop - line);
    if (kept > most) too_long = true;
    if (too_long) kept = 0;
    std::memmove(buffer->data(), line, kept);
  }
  if (whole && *end < to) {
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

KnownEvents::KnownEvents(std::string path, const LineId& line_id, size_t window, uint64_t most_line_bytes,
                         bool rotated)
    : path_(std::move(path)),
      line_id_(line_id),
      most_line_bytes_(most_line_bytes),
      with_rotated_(rotated),
      index_(window) {}

bool KnownEvents::IsOf(const os::File& file, const os::FileId& id, uint64_t size) const {
  if (id != file_ || size < end_) return false;
  char now[kMostMarkBytes];
  return !file.ReadAt(end_ - mark_.size(), now, mark_.size()) &&
         std::memcmp(now, mark_.data(), mark_.size()) == 0;
}

os::Error KnownEvents::Load(const os::File& file, const os::FileId& id, uint64_t size) {
  file_ = {};
  uint64_t lines = index_.window();
  const bool all = lines == IdIndex::kAll;
  for (bool enough = false; !enough; lines *= 2) {
    index_.Clear();
    rotated_.clear();
    std::vector<std::string> paths;
    if (with_rotated_) {
      if (os::Error error = RotatedFiles(path_, &paths)) return error;
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
    first_place_ = 0;
    for (size_t i = 0; i < rotated_.size(); i++) {
      rotated_[i].first_place = first_place_;
      os::File opened;
      os::Error error = os::File::OpenForReading(rotated_[i].path, &opened);
      if (!error) error = LoadFile(opened, IndexPath(rotated_[i].path), starts[i], rotated_[i].size, true);
      if (error && error.number != ENOENT) return error;
      first_place_ += rotated_[i].size;
    }
    if (os::Error error = LoadFile(file, IndexPath(path_), start, size, false)) return error;
    // Where some of the lines were no events, look further back for more.
    enough = index_.count() >= index_.window() || counted < lines;
  }
  file_ = id;
  return Mark(file, end_);
}

os::Error KnownEvents::LoadFile(const os::File& file, std::string index_path, uint64_t from, uint64_t size,
                                bool whole) {
  const bool all = index_.window() == IdIndex::kAll;
  if (all) {
    os::FileId id;
    if (os::Error error = file.Id(&id)) return error;
    from = index_file_.Load(
        std::move(index_path), line_id_.key_hash(), file, id, size,
        [this](size_t more) { index_.Reserve(more); },
        [this](const std::vector<IndexFile::Record>& records) {
          for (size_t i = 0; i < records.size(); i++) {
            if (i + kAhead < records.size()) index_.Prefetch(records[i + kAhead].id, 0);
            const uint64_t place = first_place_ + records[i].offset;
            // An id stands there twice where the first place was found to be wrong.
            if (!index_.Add(records[i].id, place)) index_.Replace(records[i].id, place);
          }
        });
  }
  if (os::Error error = Scan(file, from, size, whole, &end_)) return error;
  if (all) index_file_.Save(file, end_);
  return {};
}

os::Error KnownEvents::TakeUp(const os::File& file, uint64_t size, bool whole) {
  const uint64_t before = end_;
  uint64_t end = end_;
  os::Error error = Scan(file, end_, size, whole, &end);
  if (!error && end != before) error = Mark(file, end);
  // Some of it may have been taken up already: look at the file afresh the next time.
  if (error) file_ = {};
  return error;
}

os::Error KnownEvents::Scan(const os::File& file, uint64_t from, uint64_t to, bool whole, uint64_t* end) {
  std::array<IndexFile::Record, kAhead> found;
  size_t count = 0;
  const auto add = [&] {
    for (size_t i = 0; i < count; i++) Add(file, found[i].id, found[i].offset);
    count = 0;
  };
  const os::Error error = EachLine(file, from, to, most_line_bytes_, whole, &buffer_, end,
                                   [&](std::string_view line, uint64_t offset) {
                                     if (!LineId::IsEvent(line)) return true;
                                     const Fingerprint id = line_id_.FingerprintOf(line_id_.Find(line));
                                     index_.Prefetch(id, count);
                                     found[count++] = {id, offset};
                                     if (count == found.size()) add();
                                     return true;
                                   });
  add();
  return error;
}

os::Error KnownEvents::Reject(const os::File& file, Fingerprint id, uint64_t place) {
  std::optional<uint64_t> next;
  const auto search = [&](const os::File& in, uint64_t from, uint64_t to, uint64_t first_place) {
    uint64_t end = 0;
    return EachLine(
        in, from, to, most_line_bytes_, true, &buffer_, &end, [&](std::string_view line, uint64_t offset) {
          const bool other = first_place + offset != place;
          const bool same = LineId::IsEvent(line) && line_id_.FingerprintOf(line_id_.Find(line)) == id;
          if (other && same) next = first_place + offset;
          return !next;
        });
  };
  const Location location = Locate(place);
  bool reached = location.rotated.empty();
  for (const RotatedFile& rotated : rotated_) {
    reached = reached || rotated.path == location.rotated;
    if (!reached || location.rotated.empty() || next) continue;
    os::File opened;
    os::Error error = os::File::OpenForReading(rotated.path, &opened);
    const bool first = rotated.path == location.rotated;
    if (!error) {
      error = search(opened, first ? location.offset : 0, rotated.size, rotated.first_place);
    } else if (error.number == ENOENT && first) {
      break;  // with the events of a file that is gone, nobody compares any more
    }
    if (error && error.number != ENOENT) return error;
  }
  if (!next && location.rotated.empty()) {
    if (os::Error error = search(file, location.offset, end_, first_place_)) return error;
  }
  index_.Replace(id, next);
  return {};
}

void KnownEvents::Add(const os::File& file, Fingerprint id, uint64_t offset) {
  const bool is_new = index_.Add(id, first_place_ + offset);
  if (is_new && index_.window() == IdIndex::kAll) index_file_.Add(file, id, offset);
}

os::Error KnownEvents::Mark(const os::File& file, uint64_t end) {
  end_ = end;
  std::string bytes(static_cast<size_t>(std::min(end, kMostMarkBytes)), '\0');
  if (os::Error error = file.ReadAt(end - bytes.size(), bytes.data(), bytes.size())) return error;
  mark_ = MarkIn(bytes);
  return {};
}

void KnownEvents::SetEnd(const os::File& file, uint64_t end, std::string_view last_bytes) {
  const std::string_view mark = MarkIn(last_bytes);
  // Whole lines were written, so if they are long enough, what stands before them does not matter.
  if (mark.size() >= kLeastMarkBytes) {
    mark_ = mark;
    end_ = end;
  } else if (Mark(file, end)) {
    // What was written stays written. Without the mark, the file is looked at afresh.
    file_ = {};
  }
}

Location KnownEvents::Locate(uint64_t place) const {
  if (place >= first_place_) return {place - first_place_, {}};
  auto after =
      std::upper_bound(rotated_.begin(), rotated_.end(), place,
                       [](uint64_t wanted, const RotatedFile& file) { return wanted < file.first_place; });
  --after;
  return {place - after->first_place, after->path};
}

os::Error KnownEvents::ReadLine(const os::File& file, uint64_t place, std::string* line) const {
  const Location location = Locate(place);
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
    if (line->size() > most_line_bytes_) line->clear();
    if (line->empty()) return {};
  }
  return {};
}

void KnownEvents::Save(const os::File& file) {
  // After a failure it is not certain that every id up to end_ was taken up.
  if (file_ == os::FileId()) return;
  uint64_t size = 0;
  if (index_.window() == IdIndex::kAll && !file.Size(&size) && IsOf(file, file_, size)) {
    index_file_.Save(file, end_);
  }
}

}  // namespace holdfast::append
