#include <errno.h>

#include "os/pipe.h"

namespace holdfast::os {

Error AwaitReaderGone(const File&) {
  return {ENOTSUP, "poll"};
}

}  // namespace holdfast::os
