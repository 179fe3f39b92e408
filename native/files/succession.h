// Which file of a chronicle came before which. Rotation notes on each new file which one it takes the place
// of, so that readers can tell whether files between two have been removed, and whether anything was lost
// with those that are gone (promise C14). Where a note cannot be made, or did not outlive a copy, readers
// know less.
//
// docs/format.md has its form. Anybody who may write to the file can change it; it decides nothing but
// whether a reader reports a gap.
#ifndef HOLDFAST_FILES_SUCCESSION_H_
#define HOLDFAST_FILES_SUCCESSION_H_

#include <string>

#include "os/file.h"

namespace holdfast::files {

// Notes on `next` that it comes after `before`, to which nothing is written any more.
void NoteSuccession(const os::File& before, const os::File& next);

// Gives `to`, which takes the place of `from`, its note, if it has one.
void CopySuccession(const os::File& from, const os::File& to);

// The note of a file; empty if there is none.
std::string SuccessionOf(const os::File& file);

}  // namespace holdfast::files

#endif  // HOLDFAST_FILES_SUCCESSION_H_
