// When a commit begins: at once, or when those have come back who were acknowledged a moment ago. Knows no
// thread, and reads no clock.
//
// A commit that begins with the first of them lets the others wait for two syncs: its own, and the next one.
// They stay apart from then on, and take turns: each sync serves only a part of them. So what has come waits
// for the rest, but only while that can pay (PostgreSQL's commit_delay and MySQL's group commit are the
// precedents; there it is configured, here it is measured):
//
//   - for as many as came back the last time. Whoever is alone waits for nobody.
//   - until one sync after the acknowledgement: no longer than they would wait for each other otherwise.
//     Where callers take longer than a sync, their work had better go on beside it.
//   - not for a while after a wait that was in vain.
#ifndef HOLDFAST_APPEND_GATHERING_H_
#define HOLDFAST_APPEND_GATHERING_H_

#include <chrono>
#include <cstddef>

#include "os/clock.h"

namespace holdfast::append {

class Gathering {
 public:
  using Time = os::Clock::time_point;

  // So many lines came from JavaScript.
  void Came(size_t lines, Time now) {
    if (now < limit_) came_ += lines;
  }

  // So many lines were acknowledged, after a sync that took `synced`; 0: there was none.
  void Acknowledged(size_t lines, std::chrono::nanoseconds synced, Time now);

  // Whether what has come may be committed: those who are expected have come back.
  bool IsComplete() const { return came_ >= expected_; }
  // When to begin all the same.
  Time limit() const { return limit_; }
  // That was waited for in vain.
  void WasInVain() {
    expected_ = 0;
    rests_ = kRests;
  }

 private:
  // So many acknowledgements are not waited after, when a wait was in vain.
  static constexpr unsigned kRests = 8;

  std::chrono::nanoseconds sync_{0};  // how long one takes: the last ones count most
  size_t acknowledged_ = 0;           // lines, the last time
  size_t came_ = 0;                   // since then, and before `limit_`
  size_t expected_ = 0;
  unsigned rests_ = 0;
  Time limit_{};
};

}  // namespace holdfast::append

#endif  // HOLDFAST_APPEND_GATHERING_H_
