// A map from fingerprints to values (positions, or numbers of events) in little memory: at most 24 bytes for
// each, also while it grows.
//
// Entries are packed into 14 bytes (64 bits of fingerprint, 48 of value) in open addressing with linear
// probing. The table is split into parts by the fingerprint's high bits. Each part grows on its own and by
// only a quarter, so that never much more is allocated than is needed.
#ifndef HOLDFAST_DEDUPE_ID_TABLE_H_
#define HOLDFAST_DEDUPE_ID_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "dedupe/id_finder.h"

namespace holdfast::dedupe {

// An id is never 0 here.
class IdTable {
 public:
  // The largest value that an entry holds: 256 TiB, if it is a position. Of a larger one the low bits are
  // kept.
  static constexpr uint64_t kMaxValue = (uint64_t{1} << 48) - 1;

  std::optional<uint64_t> Find(Fingerprint id) const;
  // Prefetches the slot that Find, Put and Erase will read. Prefetching several ids first overlaps their
  // cache misses.
  void Prefetch(Fingerprint id) const;
  // Adds the id, or gives it another value.
  void Put(Fingerprint id, uint64_t value);
  void Erase(Fingerprint id);
  // Makes room for this many more ids, which fall evenly into the parts, as fingerprints do.
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

    Fingerprint id(size_t slot) const;  // 0 if the slot is free
    uint64_t value(size_t slot) const;
    void Set(size_t slot, Fingerprint id, uint64_t value);
    size_t Home(Fingerprint id) const;
    // The slot that holds the id, or the free one that it would be put into. There is always a free one.
    size_t Slot(Fingerprint id) const;
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
