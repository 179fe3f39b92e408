// The rotated files of a chronicle: which there are, and which of them are believed.
//
// In a directory that others can write to, a name does not prove that we made a file (promise S2). Believed
// is what os::Named has so, under a name whose time is a real one and lies not more than a day in the future.
// What is not believed is as good as not there: it is not read, does not count, and is never removed. This is
// the one place that decides; TypeScript asks it too (lib/engines/file/lines/rotated-files.ts).
#ifndef HOLDFAST_FILES_ROTATED_FILES_H_
#define HOLDFAST_FILES_ROTATED_FILES_H_

#include <string>
#include <vector>

#include "files/names.h"
#include "os/file.h"

namespace holdfast::files {

// Paths.
struct RotatedFiles {
  std::vector<std::string> believed;  // the oldest first
  // Believed too, but compressed by somebody with gzip: only readers take them.
  std::vector<std::string> compressed;
  std::vector<std::string> foreign;  // called like a rotated file, but not believed; only the first of many
  // A name like that of a rotated file that the chronicle's file itself has: a rotation was begun, and its
  // process died. Empty: there is none that the next rotation could go on with.
  std::string alias;
  std::vector<std::string> strays;  // further names of it, which nobody can go on with
};

// Those of the chronicle at `path`, whose own file, if there is one, is `file`.
os::Error ListRotatedFiles(const std::string& path, const os::File& file, RotatedFiles* out);

// Those that are believed.
os::Error ListRotatedFiles(const std::string& path, const os::File& file, std::vector<std::string>* believed);

// Opens one of them for reading. ENOENT: it is gone, removed as too old, or not believed any more.
os::Error OpenRotatedFile(const std::string& path, const os::File& file, os::File* out);

Milliseconds Now();

}  // namespace holdfast::files

#endif  // HOLDFAST_FILES_ROTATED_FILES_H_
