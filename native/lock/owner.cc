#include "lock/owner.h"

#include <algorithm>
#include <utility>

namespace holdfast::lock {

os::Mutex& QueueMutex() {
  static os::Mutex& instance = *new os::Mutex;
  return instance;
}

void Owner::Block(std::vector<Locked> held) {
  blocked_++;
  held_ = std::move(held);
  blocks_for_.reset();
  for (Claimed& claimed : claims_) CheckDeadlock(&claimed);
}

bool Owner::Unblock() {
  blocks_for_.reset();
  if (--blocked_ > 0) return false;
  held_.clear();
  return true;
}

bool Owner::BlocksFor(const Locked& wanted) {
  blocks_for_ = wanted;
  return std::none_of(held_.begin(), held_.end(), [&](const Locked& held) { return Exclude(held, wanted); });
}

bool Owner::HoldsPartOf(const Locked& wanted) const {
  return std::any_of(held_.begin(), held_.end(), [&](const Locked& held) { return Overlap(held, wanted); });
}

bool Owner::MustGiveWay(const Locked& grant) const {
  if (blocked_ == 0) return false;
  if (blocks_for_ && Exclude(*blocks_for_, grant)) return true;
  return std::any_of(claims_.begin(), claims_.end(),
                     [&](const Claimed& claimed) { return Exclude(claimed.wanted, grant); });
}

std::vector<HeldLock> Owner::GiveWay() {
  std::vector<HeldLock> taken;
  for (auto next = granted.begin(); next != granted.end();) {
    const std::shared_ptr<Waiter> waiter = *next++;
    if (MustGiveWay(waiter->outcome->lock.locked())) taken.push_back(TakeBack(waiter));
  }
  return taken;
}

HeldLock Owner::TakeBack(const std::shared_ptr<Waiter>& waiter) {
  HeldLock lock = std::move(waiter->outcome->lock);
  waiter->Leave();
  if (waiter->waits) {
    waiter->outcome.reset();
    waiter->StandIn(&parked, parked.end(), waiter);
  } else {
    waiter->outcome->busy = true;
  }
  return lock;
}

void Owner::CheckDeadlock(Claimed* claimed) const {
  if (blocked_ == 0 || claimed->is_deadlock) return;
  claimed->is_deadlock = std::any_of(held_.begin(), held_.end(),
                                     [&](const Locked& held) { return Exclude(held, claimed->wanted); });
  if (claimed->is_deadlock) claimed->on_deadlock();
}

Claim::Claim(std::shared_ptr<Owner> owner, const Locked& wanted, std::function<void()> on_deadlock)
    : owner_(std::move(owner)) {
  if (owner_ == nullptr) return;
  std::vector<HeldLock> given_back;
  os::MutexLock guard(QueueMutex());
  place_ = owner_->claims_.insert(owner_->claims_.end(), {wanted, std::move(on_deadlock)});
  owner_->CheckDeadlock(&*place_);
  given_back = owner_->GiveWay();
}

Claim::~Claim() {
  if (owner_ == nullptr) return;
  os::MutexLock guard(QueueMutex());
  owner_->claims_.erase(place_);
}

bool Claim::IsDeadlock() const {
  if (owner_ == nullptr) return false;
  os::MutexLock guard(QueueMutex());
  return place_->is_deadlock;
}

}  // namespace holdfast::lock
