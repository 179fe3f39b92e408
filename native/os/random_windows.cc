// rand_s is RtlGenRandom in the C runtime of Visual C++ and of MinGW alike.
#define _CRT_RAND_S
#include <errno.h>
#include <stdlib.h>

#include <algorithm>
#include <cstring>

#include "os/random.h"

namespace holdfast::os {

Error RandomBytes(void* out, size_t length) {
  for (size_t at = 0; at < length;) {
    unsigned int word;
    if (::rand_s(&word) != 0) return {EIO, "rand_s"};
    const size_t part = std::min(length - at, sizeof word);
    std::memcpy(static_cast<char*>(out) + at, &word, part);
    at += part;
  }
  return {};
}

}  // namespace holdfast::os
