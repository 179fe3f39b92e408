// Notes that a file system keeps with a file: extended attributes (xattr(7)). Only Linux has them here; not
// every file system does, and a copy or a compressed file need not have those of its original.
#ifndef HOLDFAST_OS_ATTRIBUTE_H_
#define HOLDFAST_OS_ATTRIBUTE_H_

#include <string>

#include "os/file.h"

namespace holdfast::os {

// ENOTSUP: there is no such thing here.
Error SetAttribute(const File& file, const char* name, const std::string& value);

// Of at most `max` bytes; longer ones, and those that are not there, are errors.
Error GetAttribute(const File& file, const char* name, size_t max, std::string* value);

}  // namespace holdfast::os

#endif  // HOLDFAST_OS_ATTRIBUTE_H_
