#include "lock/kernel_waits_windows.h"
#include "lock/late_grants.h"

namespace holdfast::lock {

LateGrants::LateGrants() : seen_(KernelWaits::Get().LateGrantsSoFar()) {}

bool LateGrants::ArePossible() {
  return KernelWaits::Get().AnyAbandoned();
}

bool LateGrants::WasReleased(const os::FileId& id) {
  return KernelWaits::Get().LateGrantEnds(id, &seen_);
}

}  // namespace holdfast::lock
