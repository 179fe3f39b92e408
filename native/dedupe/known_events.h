// What is known of the events that are in a chronicle's file already, for deduplication: which file that is,
// how far it was looked at, and the ids up to there.
//
// Nothing here is believed: before each use the file is compared with what was seen of it, and an id that is
// found here is looked for in the file.
#ifndef HOLDFAST_DEDUPE_KNOWN_EVENTS_H_
#define HOLDFAST_DEDUPE_KNOWN_EVENTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dedupe/id_finder.h"
#include "dedupe/ids_file.h"
#include "dedupe/position.h"
#include "dedupe/recent_ids.h"
#include "os/file.h"

namespace holdfast::dedupe {

// What becomes of a last line that has no newline yet: another process may still be writing it.
enum class Tail { kLeaveUnfinished, kIncludeUnfinished };

class KnownEvents {
 public:
  // `id_finder` must outlive this. With `rotated`, the events before those of the file are those of its
  // rotated files.
  KnownEvents(std::string path, const IdFinder& id_finder, size_t window, uint64_t max_line_bytes,
              bool rotated);

  bool is_on() const { return recent_ids_.window() != 0; }
  const RecentIds& recent_ids() const { return recent_ids_; }
  // How far the file was looked at.
  uint64_t end() const { return end_; }

  // True where what is known is known of this file, and the file has only grown since.
  bool IsOf(const os::File& file, const os::FileId& id, uint64_t size) const;

  // Looks at the file afresh, up to `size`.
  os::Error Load(const os::File& file, const os::FileId& id, uint64_t size);

  // Reads what was written after end(), up to `size`. The file must be the one that IsOf was asked for.
  os::Error CatchUp(const os::File& file, uint64_t size, Tail tail);

  // A line, with its newline, was written at `offset`; `end` is behind the last one.
  void AddWritten(const os::File& file, Fingerprint id, uint64_t offset) { Add(file, id, offset); }
  void SetEnd(const os::File& file, uint64_t end, std::string_view last_bytes);
  // The byte before end().
  char last() const { return mark_.empty() ? '\n' : mark_.back(); }

  void Prefetch(Fingerprint id, size_t ahead) const { recent_ids_.Prefetch(id, ahead); }
  std::optional<Position> Find(Fingerprint id, size_t ahead) const { return recent_ids_.Find(id, ahead); }

  // What stands at this position is no event with this id: takes the next one that may be, if there is any.
  // Reads the file up to there; rare enough, for it takes a damaged line that has the id of an event, or a
  // rotated file that is gone.
  os::Error Reject(const os::File& file, Fingerprint id, Position position);
  Location Locate(Position position) const;
  // The line that stands there, without its newline; empty where it is not there any more, or is too long.
  os::Error ReadLine(const os::File& file, Position position, std::string* line) const;

  // Nothing is known any more; the file has to be looked at afresh.
  void Forget() { file_ = {}; }

  // Writes what the file of ids lacks.
  void Save(const os::File& file);

 private:
  struct RotatedFile {
    std::string path;
    Position first_position;
    uint64_t size;
  };

  os::Error LoadFile(const os::File& file, std::string ids_path, uint64_t from, uint64_t size, Tail tail);
  // Adds the lines from `from` to `to`. `end` is where the last one ends, an unfinished one as `tail` says.
  os::Error Scan(const os::File& file, uint64_t from, uint64_t to, Tail tail, uint64_t* end);
  void Add(const os::File& file, Fingerprint id, uint64_t offset);
  os::Error Mark(const os::File& file, uint64_t end);

  const std::string path_;
  const IdFinder& id_finder_;
  const uint64_t max_line_bytes_;
  const bool with_rotated_;
  RecentIds recent_ids_;
  IdsFile ids_file_;

  os::FileId file_;
  uint64_t end_ = 0;
  // The position of the file's first byte.
  Position first_position_ = 0;
  std::vector<RotatedFile> rotated_;
  // The bytes before end_. If the file was truncated and has grown again beyond that position (logrotate's
  // copytruncate), neither its identity nor its size tells; these bytes do.
  std::string mark_;
  std::string buffer_;
};

}  // namespace holdfast::dedupe

#endif  // HOLDFAST_DEDUPE_KNOWN_EVENTS_H_
