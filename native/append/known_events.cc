#include "append/known_events.h"

#include <errno.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "append/hash.h"
#include "append/rotation.h"

namespace holdfast::append {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 18;

// Enough to hold the id at the end of a line.
constexpr uint64_t kMarkBytes = 96;

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
  char now[kMarkBytes];
  return !file.ReadAt(end_ - mark_.size(), now, mark_.size()) &&
         std::memcmp(now, mark_.data(), mark_.size()) == 0;
}

os::Error KnownEvents::Load(const os::File& file, const os::FileId& id, uint64_t size) {
  file_ = {};
  uint64_t lines = index_.window();
  for (bool enough = false; !enough; lines *= 2) {
    index_.Clear();
    rotated_.clear();
    first_place_ = 0;
    std::vector<std::string> paths;
    // Without a list of rotated files, those of the file itself are all that is known.
    if (with_rotated_) RotatedFiles(path_, &paths);

    uint64_t start = 0, counted = 0;
    if (index_.window() != IdIndex::kAll) {
      if (os::Error error = StartOfLast(file, size, lines, &start, &counted)) return error;
    }
    std::vector<std::pair<os::File, uint64_t>> starts;
    for (auto path = paths.rbegin(); path != paths.rend() && counted < lines; ++path) {
      RotatedFile rotated{*path, 0, 0};
      os::File opened;
      // One that is removed meanwhile is one that nobody wants to know any more.
      if (os::File::OpenForReading(rotated.path, &opened) || opened.Size(&rotated.size)) continue;
      uint64_t begin = 0, more = 0;
      if (index_.window() != IdIndex::kAll) {
        if (StartOfLast(opened, rotated.size, lines - counted, &begin, &more)) continue;
      }
      counted += more;
      rotated_.insert(rotated_.begin(), std::move(rotated));
      starts.emplace(starts.begin(), std::move(opened), begin);
    }
    for (size_t i = 0; i < rotated_.size(); i++) {
      rotated_[i].first_place = first_place_;
      const auto& [opened, begin] = starts[i];
      if (os::Error error = LoadFile(opened, IndexPath(rotated_[i].path), begin, rotated_[i].size, true)) {
        return error;
      }
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
  uint64_t end = 0;
  if (index_.window() == IdIndex::kAll) {
    os::FileId id;
    if (os::Error error = file.Id(&id)) return error;
    from = index_file_.Load(
        std::move(index_path), line_id_.key_hash(), file, id, size,
        [this](size_t more) { index_.Reserve(more); },
        [this](Fingerprint found, uint64_t offset) { index_.Add(found, first_place_ + offset); });
  }
  if (os::Error error = Scan(file, from, size, whole, &end)) return error;
  end_ = end;
  Save(file);
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

bool KnownEvents::LastByte(uint64_t end, char* out) const {
  if (end != end_ || mark_.empty()) return false;
  *out = mark_.back();
  return true;
}

os::Error KnownEvents::Scan(const os::File& file, uint64_t from, uint64_t to, bool whole, uint64_t* end) {
  size_t kept = 0;         // bytes of a line that has begun, at the front of the buffer
  uint64_t offset = from;  // where that line begins
  bool too_long = false;   // then its bytes are not kept
  *end = from;
  for (uint64_t at = from; at < to;) {
    const size_t length = static_cast<size_t>(std::min<uint64_t>(to - at, kChunkBytes));
    if (buffer_.size() < kept + length) buffer_.resize(kept + length);
    if (os::Error error = file.ReadAt(at, &buffer_[kept], length)) return error;
    at += length;
    const char* line = buffer_.data();
    const char* const stop = buffer_.data() + kept + length;
    const char* search = line + kept;
    while (const char* newline =
               static_cast<const char*>(std::memchr(search, '\n', static_cast<size_t>(stop - search)))) {
      if (!too_long) TakeUpLine(file, {line, static_cast<size_t>(newline - line)}, offset);
      too_long = false;
      search = line = newline + 1;
      offset = at - static_cast<uint64_t>(stop - line);
      *end = offset;
    }
    kept = static_cast<size_t>(stop - line);
    if (kept > most_line_bytes_) too_long = true;
    if (too_long) kept = 0;
    std::memmove(buffer_.data(), line, kept);
  }
  if (whole && *end < to) {
    if (!too_long) TakeUpLine(file, {buffer_.data(), kept}, offset);
    *end = to;
  }
  if (buffer_.size() > 4 * kChunkBytes) buffer_ = std::string();
  return {};
}

void KnownEvents::TakeUpLine(const os::File& file, std::string_view line, uint64_t offset) {
  if (!LineId::IsEvent(line) || line.size() > most_line_bytes_) return;
  Add(file, line_id_.FingerprintOf(line_id_.Find(line)), offset);
}

void KnownEvents::Add(const os::File& file, Fingerprint id, uint64_t offset) {
  const bool is_new = index_.Add(id, first_place_ + offset);
  if (is_new && index_.window() == IdIndex::kAll) index_file_.Add(file, id, offset);
}

os::Error KnownEvents::Mark(const os::File& file, uint64_t end) {
  end_ = end;
  mark_.resize(static_cast<size_t>(std::min(end, kMarkBytes)));
  return file.ReadAt(end - mark_.size(), mark_.data(), mark_.size());
}

void KnownEvents::SetEnd(const os::File& file, uint64_t end, std::string_view last_bytes) {
  if (last_bytes.size() >= kMarkBytes) {
    mark_ = last_bytes.substr(last_bytes.size() - kMarkBytes);
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
  if (index_.window() == IdIndex::kAll) index_file_.Save(file, end_);
}

}  // namespace holdfast::append
