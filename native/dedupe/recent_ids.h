// The ids of the last events of a chronicle, and the places of those events. A place is a position; one
// fingerprint may have several: of two ids that share it, or of two copies of one event.
#ifndef HOLDFAST_DEDUPE_RECENT_IDS_H_
#define HOLDFAST_DEDUPE_RECENT_IDS_H_

#include <cstddef>
#include <cstdint>
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

  // Adds the next event and its place; `id` is 0 if it has none.
  void Add(Fingerprint id, Position place);

  // The id has this place no more, or another one in its stead.
  void Remove(Fingerprint id, Position place);
  void Move(Fingerprint id, Position from, Position to);

  // The places of this id, the first one first, of the events that will be the last `window` after `ahead`
  // more have been added.
  void Places(Fingerprint id, size_t ahead, std::vector<Position>* out) const;

  // Prefetches what Places and Add will read after `ahead` more events have been added; see IdTable.
  void Prefetch(Fingerprint id, size_t ahead) const;

  // Makes room for this many more places at once.
  void Reserve(size_t more) { table_.Reserve(more); }
  void Clear();
  // How many places are known, and the bytes of memory that this takes.
  size_t places() const { return table_.size(); }
  size_t memory() const { return table_.memory() + ring_.capacity() * sizeof(Event); }
  // How many events were added.
  uint64_t count() const { return count_; }

 private:
  struct Event {
    Fingerprint id;
    Position place;
  };

  Event* EventAt(Fingerprint id, Position place, uint64_t* number);

  const size_t window_;
  // With kAll, the places of all ids. Else the numbers of their events; the ring has the places.
  IdTable table_;
  std::vector<Event> ring_;  // the last `window_` events; event number n is at n % window_
  uint64_t count_ = 0;
};

}  // namespace holdfast::dedupe

#endif  // HOLDFAST_DEDUPE_RECENT_IDS_H_
