// Where an event is, in two forms.
//
// A position is the log-wide address: it counts on across rotation, so that it orders all events of a
// chronicle. An offset is the address within one file. They differ by the sizes of the rotated files before
// it; KnownEvents::Locate turns the one into the other. A position is meaningful until the events are loaded
// anew, and never leaves the process.
#ifndef HOLDFAST_DEDUPE_POSITION_H_
#define HOLDFAST_DEDUPE_POSITION_H_

#include <cstdint>
#include <string>

namespace holdfast::dedupe {

using Position = uint64_t;

struct Location {
  uint64_t offset = 0;
  std::string rotated;  // the path of the rotated file; empty: in the chronicle's file itself
};

}  // namespace holdfast::dedupe

#endif  // HOLDFAST_DEDUPE_POSITION_H_
