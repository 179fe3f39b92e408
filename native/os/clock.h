// The clock of every deadline and pause: monotonic, so that setting the wall clock moves none of them.
#ifndef HOLDFAST_OS_CLOCK_H_
#define HOLDFAST_OS_CLOCK_H_

#include <chrono>

namespace holdfast::os {

using Clock = std::chrono::steady_clock;

// "No deadline".
constexpr Clock::time_point kNever = Clock::time_point::max();

}  // namespace holdfast::os

#endif  // HOLDFAST_OS_CLOCK_H_
