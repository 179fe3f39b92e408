// What is known of the events that are in a chronicle's file already, for deduplication: which file that is,
// up to where it was read, and the ids up to there.
//
// Nothing here is believed: before each use the file is compared with what was read of it, and an id that is
// found here is looked up in the file.
#ifndef HOLDFAST_DEDUPE_KNOWN_EVENTS_H_
#define HOLDFAST_DEDUPE_KNOWN_EVENTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dedupe/id_finder.h"
#include "dedupe/ids_file.h"
#include "dedupe/line_walker.h"
#include "dedupe/mark.h"
#include "dedupe/position.h"
#include "dedupe/recent_ids.h"
#include "os/file.h"

namespace holdfast::dedupe {

class KnownEvents {
 public:
  struct Options {
    size_t window = 0;  // as RecentIds has it; 0: no deduplication
    uint64_t max_line_bytes = 0;
    bool with_rotated = false;  // the events of rotated files come before those of the file itself
  };

  // `id_finder` must outlive this.
  KnownEvents(std::string path, const IdFinder& id_finder, Options options);

  bool is_on() const { return options_.window != 0; }
  const RecentIds& recent_ids() const { return recent_ids_; }
  // What fingerprints are made with. Load may choose another one.
  const HashKey& hash_key() const { return hash_key_; }
  // Up to which offset the file was read.
  uint64_t end() const { return mark_.end(); }

  // True if what is known is known of this file, and the file has only grown since.
  bool IsOf(const os::File& file, const os::FileId& id, uint64_t size) const;

  // Reads the file anew, up to `size`.
  os::Error Load(const os::File& file, const os::FileId& id, uint64_t size);

  // Reads what was written after end(), up to `size`. The file must be the one that IsOf was asked for.
  os::Error CatchUp(const os::File& file, uint64_t size, Tail tail);

  // A line, with its newline, was written at `offset`: an event that is at no place that is known. After the
  // last one of a group, SetEnd is told where it ends, and what was written.
  void AddWritten(const os::File& file, Fingerprint id, uint64_t offset);
  void SetEnd(const os::File& file, uint64_t end, std::string_view written);
  // The byte before end(), or a newline if there is none.
  char last() const { return mark_.last_byte(); }

  // As that of RecentIds.
  void Prefetch(Fingerprint id, size_t ahead) const { recent_ids_.Prefetch(id, ahead); }

  // What is at a place of an id.
  enum class Found {
    kCopy,     // a line that has the id; JavaScript tells whether it is an event
    kOther,    // an event whose id is another one, of the same fingerprint
    kNothing,  // neither
    kGone,     // the rotated file was removed, as too old
  };
  // Looks at it. `line` is what is there, without its newline; empty if nothing is, or if it is too long.
  os::Error Look(const os::File& file, std::string_view id, Position place, std::string* line,
                 Found* found) const;

  // The line at this place turned out to be no event with this id. The next line that may be one is taken
  // instead, if there is any; where nothing with this id is there at all (kNothing), so that the file of ids
  // is wrong, the first one of all. That reads all that comes after the place, or everything; but it is rare,
  // for it takes a damaged line that has the id of an event, or a file that was changed in place.
  os::Error Reject(const os::File& file, std::string_view id, Position place, Found found);
  // The id has this place no more, which is in a file that was removed.
  void Remove(std::string_view id, Position place);
  Location Locate(Position position) const;

  // Nothing is known any more: IsOf is false until the next Load.
  void Forget() { file_id_ = {}; }

  // Writes what the file of ids lacks.
  void Save(const os::File& file);

 private:
  struct RotatedFile {
    std::string path;
    uint64_t begin = 0;  // the offset from which on its events are known
    uint64_t size = 0;
    Position first_position = 0;  // of its first byte
  };

  bool with_ids_file() const { return options_.window == RecentIds::kAll; }
  os::Error LoadLast(const os::File& file, uint64_t size, uint64_t lines, bool* is_everything);
  os::Error ListRotated(const os::File& file, uint64_t lines, uint64_t* counted);
  os::Error ChooseHashKey(const os::File& file);
  os::Error LoadFile(const os::File& file, const std::string& path, Range range, Tail tail, uint64_t* end);
  os::Error Scan(const os::File& file, Range range, Tail tail, uint64_t* end);
  os::Error ReadLine(const os::File& file, Position position, std::string* line) const;
  enum class Search { kAfter, kEverywhere };
  os::Error FindOther(const os::File& file, std::string_view id, Position position, Search search,
                      std::optional<Position>* next);
  std::string_view IdIn(std::string_view line) const;
  Fingerprint FingerprintOf(std::string_view id) const { return IdFinder::FingerprintOf(hash_key_, id); }
  // Where an event comes from that is added.
  enum class Source { kFile, kFileOfIds };
  os::Error Add(const os::File& file, Fingerprint id, uint64_t offset, Source source);
  os::Error AddAgain(const os::File& file, Fingerprint id, uint64_t offset, Source source);

  const std::string path_;
  std::string target_;  // of the file that is known, where path_ leads to it through links
  const IdFinder& id_finder_;
  const Options options_;
  HashKey hash_key_;
  bool has_hash_key_ = false;
  RecentIds recent_ids_;
  std::vector<Position> places_;  // for Add
  IdsFile ids_file_;

  os::FileId file_id_;
  TailMark mark_;
  Position first_position_ = 0;  // of the file's first byte
  std::vector<RotatedFile> rotated_;
  std::string buffer_;  // for LineWalker
};

}  // namespace holdfast::dedupe

#endif  // HOLDFAST_DEDUPE_KNOWN_EVENTS_H_
