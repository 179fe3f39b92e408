// Which ids the last events of a chronicle have, and where those events stand.
//
// Positions go on across rotation: an event's position is its offset plus the sizes of the rotated files that
// the index knows (see position.h).
#ifndef HOLDFAST_DEDUPE_RECENT_IDS_H_
#define HOLDFAST_DEDUPE_RECENT_IDS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "dedupe/id_table.h"
#include "dedupe/position.h"

namespace holdfast::dedupe {

class RecentIds {
 public:
  static constexpr size_t kAll = SIZE_MAX;

  // Remembers the ids of the last `window` events.
  explicit RecentIds(size_t window) : window_(window) {}

  size_t window() const { return window_; }

  // Takes up the next event; `id` 0 is one without id. Of an id that is known the first position is kept, and
  // the answer is false.
  bool Add(Fingerprint id, Position position);

  // The id, which is known, is found at this position from now on, or is not known any more.
  void Replace(Fingerprint id, std::optional<Position> position);

  // Where the first event with this id stands that will be among the last `window` when `ahead` more events
  // have been added.
  std::optional<Position> Find(Fingerprint id, size_t ahead) const;

  // Asks for the memory that Find and Add will look at when `ahead` more events have been added; see IdTable.
  void Prefetch(Fingerprint id, size_t ahead) const;

  // Makes room for so many more ids at once.
  void Reserve(size_t more) { table_.Reserve(more); }
  void Clear();
  // How many ids are known, and the bytes of memory that this takes.
  size_t ids() const { return table_.size(); }
  size_t memory() const { return table_.memory() + ring_.capacity() * sizeof(Event); }
  // How many events were taken up.
  uint64_t count() const { return count_; }

 private:
  struct Event {
    Fingerprint id;
    Position position;
  };

  const size_t window_;
  // kAll: where the first event with the id stands. Else the number of the last one, whose position is in the
  // ring.
  IdTable table_;
  std::vector<Event> ring_;
  uint64_t count_ = 0;
};

}  // namespace holdfast::dedupe

#endif  // HOLDFAST_DEDUPE_RECENT_IDS_H_
