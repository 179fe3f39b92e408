// The ids of the last events of a chronicle, and the positions of those events.
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
  // A window without bound: the ids of all events are remembered.
  static constexpr size_t kAll = SIZE_MAX;

  // Remembers the ids of the last `window` events.
  explicit RecentIds(size_t window) : window_(window) {}

  size_t window() const { return window_; }

  // Adds the next event; `id` is 0 if it has none. True if its id was not known. If it was, the position that
  // is known for it is kept, so that it stays that of the first copy.
  bool Add(Fingerprint id, Position position);

  // Gives an id that is known another position, or forgets it.
  void Replace(Fingerprint id, std::optional<Position> position);

  // The position that is known for this id, if one of the events has it that will be the last `window` after
  // `ahead` more have been added.
  std::optional<Position> Find(Fingerprint id, size_t ahead) const;

  // Prefetches what Find and Add will read after `ahead` more events have been added; see IdTable.
  void Prefetch(Fingerprint id, size_t ahead) const;

  // Makes room for this many more ids at once.
  void Reserve(size_t more) { table_.Reserve(more); }
  void Clear();
  // How many ids are known, and the bytes of memory that this takes.
  size_t ids() const { return table_.size(); }
  size_t memory() const { return table_.memory() + ring_.capacity() * sizeof(Event); }
  // How many events were added.
  uint64_t count() const { return count_; }

 private:
  struct Event {
    Fingerprint id;
    Position position;
  };

  const size_t window_;
  // With kAll, the position of the first event with the id. Else the number of the last one; the ring has the
  // position of the first for it.
  IdTable table_;
  std::vector<Event> ring_;  // the last `window_` events; event number n is at n % window_
  uint64_t count_ = 0;
};

}  // namespace holdfast::dedupe

#endif  // HOLDFAST_DEDUPE_RECENT_IDS_H_
