#include "dedupe/id_table.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace holdfast::dedupe {
namespace {

constexpr size_t kFirstCapacity = 8;
// A part grows when more than 3/4 of its slots would be taken. As it grows by a quarter, at least 0.6 of them
// are taken then, which makes 14 / 0.6 = 23.3 bytes for an entry.
constexpr size_t kFullNumerator = 3, kFullDenominator = 4;

}  // namespace

void IdTable::Part::Set(size_t slot, Fingerprint id, uint64_t value) {
  std::memcpy(&bytes[slot * kEntryBytes], &id, sizeof id);
  std::memcpy(&bytes[slot * kEntryBytes + sizeof id], &value, kEntryBytes - sizeof id);
}

size_t IdTable::Part::FreeSlot(Fingerprint wanted) const {
  size_t slot = Home(wanted);
  while (id(slot) != 0) slot = After(slot);
  return slot;
}

void IdTable::Part::Grow(size_t new_capacity) {
  assert(new_capacity > size);
  Part larger;
  larger.capacity = new_capacity;
  larger.bytes.assign(larger.capacity * kEntryBytes, 0);
  larger.size = size;
  for (size_t slot = 0; slot < capacity; slot++) {
    const Fingerprint moved = id(slot);
    if (moved != 0) larger.Set(larger.FreeSlot(moved), moved, value(slot));
  }
  *this = std::move(larger);
}

void IdTable::Prefetch([[maybe_unused]] Fingerprint id) const {
#ifdef __GNUC__
  const Part& part = PartOf(id);
  if (part.capacity > 0) __builtin_prefetch(&part.bytes[part.Home(id) * kEntryBytes]);
#endif
}

void IdTable::Add(Fingerprint id, uint64_t value) {
  assert(id != 0);
  Part& part = PartOf(id);
  if ((part.size + 1) * kFullDenominator > part.capacity * kFullNumerator) {
    Grow(&part, std::max(kFirstCapacity, part.capacity + (part.capacity + 3) / 4));
  }
  part.Set(part.FreeSlot(id), id, value);
  part.size++;
  size_++;
}

// Without marks for what was deleted: entries after the hole that may be in it move up (Knuth, volume 3, 6.4,
// algorithm R).
void IdTable::Erase(Fingerprint id, uint64_t value) {
  Part& part = PartOf(id);
  if (part.size == 0) return;
  size_t hole = part.Home(id);
  while (part.id(hole) != id || part.value(hole) != (value & kMaxValue)) {
    if (part.id(hole) == 0) return;
    hole = part.After(hole);
  }
  for (size_t slot = hole;;) {
    slot = part.After(slot);
    const Fingerprint moved = part.id(slot);
    if (moved == 0) break;
    // It may, unless its home is in (hole, slot], cyclically.
    const size_t home = part.Home(moved);
    const bool may_move = hole <= slot ? (home <= hole || home > slot) : (home <= hole && home > slot);
    if (!may_move) continue;
    part.Set(hole, moved, part.value(slot));
    hole = slot;
  }
  part.Set(hole, 0, 0);
  part.size--;
  size_--;
}

void IdTable::Reserve(size_t more) {
  for (Part& part : parts_) {
    // A few more, because no part gets exactly its share.
    const size_t expected = part.size + more / parts_.size() * 33 / 32;
    const size_t wanted = expected * kFullDenominator / kFullNumerator;
    if (wanted > part.capacity) Grow(&part, std::max(kFirstCapacity, wanted));
  }
}

void IdTable::Clear() {
  for (Part& part : parts_) part = Part();
  size_ = entry_bytes_ = 0;
}

void IdTable::Grow(Part* part, size_t capacity) {
  entry_bytes_ -= part->bytes.size();
  part->Grow(capacity);
  entry_bytes_ += part->bytes.size();
}

}  // namespace holdfast::dedupe
