#include "dedupe/recent_ids.h"

#include <algorithm>
#include <cassert>

namespace holdfast::dedupe {

void RecentIds::Add(Fingerprint id, Position place) {
  assert(window_ > 0);
  const uint64_t number = count_++;
  if (window_ == kAll) {
    if (id != 0) table_.Add(id, place);
    return;
  }
  const size_t slot = static_cast<size_t>(number % window_);
  if (slot == ring_.size()) {
    ring_.push_back({id, place});
  } else {
    if (ring_[slot].id != 0) table_.Erase(ring_[slot].id, number - window_);
    ring_[slot] = {id, place};
  }
  if (id != 0) table_.Add(id, number);
}

void RecentIds::Remove(Fingerprint id, Position place) {
  uint64_t number = place;
  if (window_ != kAll) {
    Event* const event = EventAt(id, place, &number);
    if (event == nullptr) return;
    event->id = 0;
  }
  table_.Erase(id, number);
}

void RecentIds::Move(Fingerprint id, Position from, Position to) {
  uint64_t number;
  if (window_ == kAll) {
    table_.Erase(id, from);
    table_.Add(id, to);
  } else if (Event* const event = EventAt(id, from, &number)) {
    event->place = to;
  }
}

// Of the last `window_` events, the one with this place.
RecentIds::Event* RecentIds::EventAt(Fingerprint id, Position place, uint64_t* number) {
  Event* found = nullptr;
  table_.ForEach(id, [&](uint64_t candidate) {
    Event& event = ring_[static_cast<size_t>(candidate % window_)];
    if (event.place != place) return;
    found = &event;
    *number = candidate;
  });
  return found;
}

void RecentIds::Places(Fingerprint id, size_t ahead, std::vector<Position>* out) const {
  out->clear();
  if (id == 0) return;
  table_.ForEach(id, [&](uint64_t value) {
    if (window_ == kAll) {
      out->push_back(value);
    } else if (value + window_ >= count_ + ahead) {
      out->push_back(ring_[static_cast<size_t>(value % window_)].place);
    }
  });
  if (out->size() > 1) std::sort(out->begin(), out->end());
}

void RecentIds::Prefetch(Fingerprint id, size_t ahead) const {
  if (id != 0) table_.Prefetch(id);
  if (ring_.size() < window_) return;
  const Event& forgotten = ring_[static_cast<size_t>((count_ + ahead) % window_)];
  if (forgotten.id != 0) table_.Prefetch(forgotten.id);
}

void RecentIds::Clear() {
  table_.Clear();
  ring_.clear();
  count_ = 0;
}

}  // namespace holdfast::dedupe
