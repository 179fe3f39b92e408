#include "dedupe/recent_ids.h"

#include <algorithm>

namespace holdfast::append {

bool IdIndex::Add(Fingerprint id, uint64_t place) {
  const uint64_t number = count_++;
  if (window_ == kAll) {
    if (id == 0 || table_.Find(id)) return false;
    table_.Put(id, place);
    return true;
  }
  const size_t slot = static_cast<size_t>(number % window_);
  if (slot == ring_.size()) {
    ring_.push_back({0, 0});
  } else if (const Event& old = ring_[slot]; old.id != 0 && table_.Find(old.id) == number - window_) {
    table_.Erase(old.id);
  }
  bool is_new = false;
  if (id != 0) {
    const auto last = table_.Find(id);
    is_new = !last;
    if (last) place = ring_[static_cast<size_t>(*last % window_)].place;
    table_.Put(id, number);
  }
  ring_[slot] = {id, place};
  return is_new;
}

void IdIndex::Replace(Fingerprint id, std::optional<uint64_t> place) {
  const auto found = table_.Find(id);
  if (window_ == kAll && place) {
    table_.Put(id, *place);
  } else if (found && place) {
    ring_[static_cast<size_t>(*found % window_)].place = *place;
  } else if (found) {
    if (window_ != kAll) ring_[static_cast<size_t>(*found % window_)].id = 0;
    table_.Erase(id);
  }
}

std::optional<uint64_t> IdIndex::Find(Fingerprint id, size_t ahead) const {
  if (id == 0) return std::nullopt;
  const auto found = table_.Find(id);
  if (!found || window_ == kAll) return found;
  if (*found + window_ < count_ + ahead) return std::nullopt;
  return ring_[static_cast<size_t>(*found % window_)].place;
}

void IdIndex::Prefetch(Fingerprint id, size_t ahead) const {
  if (id != 0) table_.Prefetch(id);
  if (ring_.size() < window_) return;
  const Event& forgotten = ring_[static_cast<size_t>((count_ + ahead) % window_)];
  if (forgotten.id != 0) table_.Prefetch(forgotten.id);
}

void IdIndex::Clear() {
  table_.Clear();
  ring_.clear();
  count_ = 0;
}

}  // namespace holdfast::append
