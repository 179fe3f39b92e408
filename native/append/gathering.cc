#include "append/gathering.h"

#include <algorithm>

namespace holdfast::append {

void Gathering::Acknowledged(size_t lines, std::chrono::nanoseconds synced, Time now) {
  if (synced.count() > 0) sync_ += sync_.count() == 0 ? synced : (synced - sync_) / 8;
  // The share of those who came back before, of these.
  const size_t back = std::min(came_, acknowledged_);
  expected_ = acknowledged_ == 0 ? 0 : (lines * back + acknowledged_ - 1) / acknowledged_;
  if (rests_ > 0) {
    rests_--;
    expected_ = 0;
  }
  acknowledged_ = lines;
  came_ = 0;
  limit_ = now + sync_;
}

}  // namespace holdfast::append
