// A target of its own in binding.gyp: the hash changes with every source, and only this is compiled again.
#include "binding/sources.h"

namespace holdfast {

const char kSources[] = "holdfast sources " HOLDFAST_SOURCES;

}  // namespace holdfast
