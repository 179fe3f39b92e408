// Fingerprints with values (positions, or numbers of events) in little memory: at most 24 bytes for each
// pair, also while it grows. A fingerprint may be there several times, with several values; that is rare.
//
// Entries are packed into 14 bytes (64 bits of fingerprint, 48 of value) in open addressing with linear
// probing. The table is split into parts by the fingerprint's high bits. Each part grows on its own and by
// only a quarter, so that never much more is allocated than is needed.
#ifndef HOLDFAST_DEDUPE_ID_TABLE_H_
#define HOLDFAST_DEDUPE_ID_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "dedupe/id_finder.h"
#include "dedupe/little_endian.h"

namespace holdfast::dedupe {

// An id is never 0 here.
class IdTable {
 public:
  // The largest value that an entry holds: 256 TiB, if it is a position. Of a larger one the low bits are
  // kept.
  static constexpr uint64_t kMaxValue = (uint64_t{1} << 48) - 1;

  // Calls `each` with every value of the id, in any order.
  template <typename Each>
  void ForEach(Fingerprint id, Each each) const {
    const Part& part = PartOf(id);
    if (part.size == 0) return;
    for (size_t slot = part.Home(id); part.id(slot) != 0; slot = part.After(slot)) {
      if (part.id(slot) == id) each(part.value(slot));
    }
  }
  // Prefetches the slot that ForEach, Add and Erase will read. Prefetching several ids first overlaps their
  // cache misses.
  void Prefetch(Fingerprint id) const;
  void Add(Fingerprint id, uint64_t value);
  // Erases the id with this value, if it is there.
  void Erase(Fingerprint id, uint64_t value);
  // Makes room for this many more pairs, whose ids fall evenly into the parts, as fingerprints do.
  void Reserve(size_t more);
  void Clear();

  size_t size() const { return size_; }
  // In bytes.
  size_t memory() const { return sizeof *this + entry_bytes_; }

 private:
  static constexpr size_t kEntryBytes = 14;
  static constexpr int kPartBits = 8;

  struct Part {
    std::vector<unsigned char> bytes;
    size_t capacity = 0;
    size_t size = 0;

    // 0 if the slot is free.
    Fingerprint id(size_t slot) const {
      Fingerprint id;
      std::memcpy(&id, &bytes[slot * kEntryBytes], sizeof id);
      return id;
    }
    // The low bytes come first: see little_endian.h.
    uint64_t value(size_t slot) const {
      uint64_t value = 0;
      std::memcpy(&value, &bytes[slot * kEntryBytes + sizeof(Fingerprint)],
                  kEntryBytes - sizeof(Fingerprint));
      return value;
    }
    void Set(size_t slot, Fingerprint id, uint64_t value);
    // The high bits chose the part; the 32 bits after them, as a fraction, choose the slot.
    size_t Home(Fingerprint id) const {
      return static_cast<size_t>(((id << kPartBits) >> 32) * capacity >> 32);
    }
    size_t After(size_t slot) const { return slot + 1 == capacity ? 0 : slot + 1; }
    // The slot that the id would be put into. There is always a free one.
    size_t FreeSlot(Fingerprint id) const;
    void Grow(size_t new_capacity);
  };

  void Grow(Part* part, size_t capacity);

  const Part& PartOf(Fingerprint id) const { return parts_[id >> (64 - kPartBits)]; }
  Part& PartOf(Fingerprint id) { return parts_[id >> (64 - kPartBits)]; }

  std::array<Part, size_t{1} << kPartBits> parts_;
  size_t size_ = 0;
  size_t entry_bytes_ = 0;
};

}  // namespace holdfast::dedupe

#endif  // HOLDFAST_DEDUPE_ID_TABLE_H_
