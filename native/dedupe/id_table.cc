#include "dedupe/id_table.h"

#include <algorithm>
#include <cstring>

namespace holdfast::dedupe {
namespace {

constexpr size_t kFirstCapacity = 8;
// A part grows when more than this share of its slots would be taken; with the growth by a quarter, no less
// than 0.6 of them are taken after it, which makes 14 / 0.6 = 23.3 bytes for an entry.
constexpr size_t kFullNumerator = 3, kFullDenominator = 4;

}  // namespace

Fingerprint IdTable::Part::id(size_t slot) const {
  Fingerprint id;
  std::memcpy(&id, &bytes[slot * kEntryBytes], sizeof id);
  return id;
}

uint64_t IdTable::Part::value(size_t slot) const {
  uint64_t value = 0;
  std::memcpy(&value, &bytes[slot * kEntryBytes + sizeof(Fingerprint)], kEntryBytes - sizeof(Fingerprint));
  return value;
}

void IdTable::Part::Set(size_t slot, Fingerprint id, uint64_t value) {
  std::memcpy(&bytes[slot * kEntryBytes], &id, sizeof id);
  std::memcpy(&bytes[slot * kEntryBytes + sizeof id], &value, kEntryBytes - sizeof id);
}

// The first bits chose the part; the bits behind them, as a fraction, choose the slot.
size_t IdTable::Part::Home(Fingerprint id) const {
  return static_cast<size_t>(((id << kPartBits) >> 32) * capacity >> 32);
}

size_t IdTable::Part::Slot(Fingerprint wanted) const {
  size_t slot = Home(wanted);
  for (;;) {
    const Fingerprint found = id(slot);
    if (found == wanted || found == 0) return slot;
    if (++slot == capacity) slot = 0;
  }
}

void IdTable::Part::Grow(size_t new_capacity) {
  Part larger;
  larger.capacity = new_capacity;
  larger.bytes.assign(larger.capacity * kEntryBytes, 0);
  larger.size = size;
  for (size_t slot = 0; slot < capacity; slot++) {
    const Fingerprint moved = id(slot);
    if (moved != 0) larger.Set(larger.Slot(moved), moved, value(slot));
  }
  *this = std::move(larger);
}

std::optional<uint64_t> IdTable::Find(Fingerprint id) const {
  const Part& part = PartOf(id);
  if (part.size == 0) return std::nullopt;
  const size_t slot = part.Slot(id);
  if (part.id(slot) == 0) return std::nullopt;
  return part.value(slot);
}

void IdTable::Prefetch([[maybe_unused]] Fingerprint id) const {
#ifdef __GNUC__
  const Part& part = PartOf(id);
  if (part.capacity > 0) __builtin_prefetch(&part.bytes[part.Home(id) * kEntryBytes]);
#endif
}

void IdTable::Put(Fingerprint id, uint64_t value) {
  Part& part = PartOf(id);
  if ((part.size + 1) * kFullDenominator > part.capacity * kFullNumerator) {
    Grow(&part, std::max(kFirstCapacity, part.capacity + (part.capacity + 3) / 4));
  }
  const size_t slot = part.Slot(id);
  if (part.id(slot) == 0) {
    part.size++;
    size_++;
  }
  part.Set(slot, id, value);
}

// Without marks for what was deleted: entries behind the hole that may stand in it move up (Knuth, volume
// 3, 6.4, algorithm R).
void IdTable::Erase(Fingerprint id) {
  Part& part = PartOf(id);
  if (part.size == 0) return;
  size_t hole = part.Slot(id);
  if (part.id(hole) == 0) return;
  for (size_t slot = hole;;) {
    if (++slot == part.capacity) slot = 0;
    const Fingerprint moved = part.id(slot);
    if (moved == 0) break;
    // Cyclically: is `home` outside of (hole, slot]?
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
    // A few more, for no part gets just its share.
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
