// The names of the files that belong to a chronicle.
//
//   orders.ndjson                          its file, the one that is appended to
//   orders.ndjson.20261124T215247.123Z     a rotated file, with the time of its rotation in UTC
//   orders.ndjson.ids                      the ids of a file (dedupe/ids_file.h); a rotated file has its own
//
// The names of rotated files sort in the order of their rotation. Which of them are believed is told in
// rotated_files.h.
#ifndef HOLDFAST_FILES_NAMES_H_
#define HOLDFAST_FILES_NAMES_H_

#include <chrono>
#include <string>
#include <string_view>

namespace holdfast::files {

using Milliseconds = std::chrono::milliseconds;

// The time in the name of a rotated file, as in 20261124T215247.123Z, and back. The years are 1970 to 9999.
std::string StampOf(Milliseconds since_epoch);
Milliseconds TimeOf(std::string_view stamp);
// Whether it has the digits and letters of a stamp where they belong; and whether the time is a real one.
bool LooksLikeStamp(std::string_view text);
bool IsStamp(std::string_view text);

std::string RotatedPath(std::string_view path, std::string_view stamp);
std::string IdsPath(std::string_view path);

// The time to put into the name of the next rotated file. `last_stamp`, if it is not empty, is that of the
// last one: the clock may have gone back since, or two rotations may fall into one millisecond.
Milliseconds NextTime(Milliseconds now, std::string_view last_stamp);

}  // namespace holdfast::files

#endif  // HOLDFAST_FILES_NAMES_H_
