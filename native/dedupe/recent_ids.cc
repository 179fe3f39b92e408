#include "dedupe/recent_ids.h"

#include <cassert>

namespace holdfast::dedupe {

bool RecentIds::Add(Fingerprint id, Position position) {
  assert(window_ > 0);
  const uint64_t number = count_++;
  if (window_ == kAll) {
    if (id == 0 || table_.Find(id)) return false;
    table_.Put(id, position);
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
    if (last) position = ring_[static_cast<size_t>(*last % window_)].position;
    table_.Put(id, number);
  }
  ring_[slot] = {id, position};
  return is_new;
}

void RecentIds::Replace(Fingerprint id, std::optional<Position> position) {
  const auto found = table_.Find(id);
  if (window_ == kAll && position) {
    table_.Put(id, *position);
  } else if (found && position) {
    ring_[static_cast<size_t>(*found % window_)].position = *position;
  } else if (found) {
    if (window_ != kAll) ring_[static_cast<size_t>(*found % window_)].id = 0;
    table_.Erase(id);
  }
}

std::optional<Position> RecentIds::Find(Fingerprint id, size_t ahead) const {
  if (id == 0) return std::nullopt;
  const auto found = table_.Find(id);
  if (!found || window_ == kAll) return found;
  if (*found + window_ < count_ + ahead) return std::nullopt;
  return ring_[static_cast<size_t>(*found % window_)].position;
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
