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
#include "dedupe/recent_ids.h"
#include "os/file.h"

namespace holdfast::append {

// Where an event stands: in the file itself, or in a rotated one.
struct Location {
  uint64_t offset = 0;
  std::string rotated;  // its path; empty: in the file itself
};

class KnownEvents {
 public:
  // `line_id` must outlive this. With `rotated`, the events before those of the file are those of its rotated
  // files.
  KnownEvents(std::string path, const LineId& line_id, size_t window, uint64_t most_line_bytes, bool rotated);

  bool is_on() const { return index_.window() != 0; }
  const IdIndex& index() const { return index_; }
  // How far the file was looked at.
  uint64_t end() const { return end_; }

  // True where what is known is known of this file, and the file has only grown since.
  bool IsOf(const os::File& file, const os::FileId& id, uint64_t size) const;

  // Looks at the file afresh, up to `size`.
  os::Error Load(const os::File& file, const os::FileId& id, uint64_t size);

  // Looks at what was written behind end(), up to `size`; a line that has no newline yet is left, unless
  // `whole`. The file must be the one that IsOf was asked for.
  os::Error TakeUp(const os::File& file, uint64_t size, bool whole);

  // A line, with its newline, was written at `offset`; `end` is behind the last one.
  void AddWritten(const os::File& file, Fingerprint id, uint64_t offset) { Add(file, id, offset); }
  void SetEnd(const os::File& file, uint64_t end, std::string_view last_bytes);
  // The byte before end().
  char last() const { return mark_.empty() ? '\n' : mark_.back(); }

  void Prefetch(Fingerprint id, size_t ahead) const { index_.Prefetch(id, ahead); }
  std::optional<uint64_t> Find(Fingerprint id, size_t ahead) const { return index_.Find(id, ahead); }

  // What stands at this place is no event with this id: takes the next one that may be, if there is any.
  // Reads the file up to there; rare enough, for it takes a damaged line that has the id of an event, or a
  // rotated file that is gone.
  os::Error Reject(const os::File& file, Fingerprint id, uint64_t place);
  Location Locate(uint64_t place) const;
  // The line that stands there, without its newline; empty where it is not there any more, or is too long.
  os::Error ReadLine(const os::File& file, uint64_t place, std::string* line) const;

  // Nothing is known any more; the file has to be looked at afresh.
  void Forget() { file_ = {}; }

  // Writes what the file of ids lacks.
  void Save(const os::File& file);

 private:
  struct RotatedFile {
    std::string path;
    uint64_t first_place;
    uint64_t size;
  };

  os::Error LoadFile(const os::File& file, std::string index_path, uint64_t from, uint64_t size, bool whole);
  // Takes up the lines from `from` to `to`, and says where the last one ends that has a newline; with
  // `whole`, the last one need not have one.
  os::Error Scan(const os::File& file, uint64_t from, uint64_t to, bool whole, uint64_t* end);
  void Add(const os::File& file, Fingerprint id, uint64_t offset);
  os::Error Mark(const os::File& file, uint64_t end);

  const std::string path_;
  const LineId& line_id_;
  const uint64_t most_line_bytes_;
  const bool with_rotated_;
  IdIndex index_;
  IndexFile index_file_;

  os::FileId file_;
  uint64_t end_ = 0;
  // The place of the file's first byte.
  uint64_t first_place_ = 0;
  std::vector<RotatedFile> rotated_;
  // The bytes before end_. If the file was truncated and has grown again beyond that place (logrotate's
  // copytruncate), neither its identity nor its size tells; these bytes do.
  std::string mark_;
  std::string buffer_;
};

}  // namespace holdfast::append

#endif  // HOLDFAST_DEDUPE_KNOWN_EVENTS_H_
