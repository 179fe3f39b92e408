#include "os/posix.h"
#include "os/random.h"

namespace holdfast::os {

// So few bytes come whole, or not at all (getrandom(2), getentropy(2)).
Error RandomBytes(void* out, size_t length) {
  const auto result = Retry([&] { return system_calls.getrandom(out, length); });
  return result == -1 ? Failed("getrandom") : Error{};
}

}  // namespace holdfast::os
