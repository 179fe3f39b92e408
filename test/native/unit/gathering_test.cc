// When a commit begins, by acknowledgements and times that the test makes up.
#include "append/gathering.h"

#include <chrono>

#include "check.h"

namespace holdfast::append {
namespace {

using std::chrono::microseconds;

// Callers, a clock in microseconds, and syncs of one millisecond.
class Fixture {
 public:
  void Acknowledge(size_t lines) { gathering.Acknowledged(lines, microseconds(sync), Now()); }
  void Come(size_t lines, int after) {
    now += after;
    gathering.Came(lines, Now());
  }
  // So many are acknowledged, and come back within a sync.
  void GoRound(size_t lines) {
    Acknowledge(lines);
    Come(lines, 100);
  }
  Gathering::Time Now() const { return Gathering::Time(microseconds(now)); }

  int now = 1'000'000;
  int sync = 1000;
  Gathering gathering;
};

TEST("the first commits begin at once, and so does whoever is alone") {
  Fixture fixture;
  CHECK(fixture.gathering.IsComplete());
  for (int i = 0; i < 5; i++) {
    fixture.Acknowledge(1);
    fixture.Come(1, 300);
    CHECK(fixture.gathering.IsComplete());
  }
}

TEST("callers who take turns come together again") {
  Fixture fixture;
  // 48 wait already when 16 are acknowledged, who came back the last time.
  fixture.GoRound(16);
  fixture.Acknowledge(16);
  CHECK(!fixture.gathering.IsComplete());
  CHECK((fixture.gathering.limit() == fixture.Now() + microseconds(1000)));
  fixture.Come(15, 200);
  CHECK(!fixture.gathering.IsComplete());
  fixture.Come(1, 10);
  CHECK(fixture.gathering.IsComplete());
  fixture.Acknowledge(64);
  fixture.Come(63, 400);
  CHECK(!fixture.gathering.IsComplete());
  fixture.Come(1, 1);
  CHECK(fixture.gathering.IsComplete());
}

TEST("those are waited for who came back the last time, in proportion") {
  Fixture fixture;
  fixture.Acknowledge(40);
  fixture.Come(10, 100);
  fixture.Acknowledge(20);
  fixture.Come(4, 100);
  CHECK(!fixture.gathering.IsComplete());
  fixture.Come(1, 100);
  CHECK(fixture.gathering.IsComplete());
  // Others who come besides are no reason to wait for more than were acknowledged.
  fixture.Acknowledge(3);
  fixture.Come(100, 100);
  fixture.Acknowledge(3);
  fixture.Come(3, 100);
  CHECK(fixture.gathering.IsComplete());
}

TEST("callers who take longer than a sync are not waited for") {
  Fixture fixture;
  for (int i = 0; i < 3; i++) {
    fixture.Acknowledge(64);
    CHECK(fixture.gathering.IsComplete());
    fixture.Come(64, 1001);
  }
}

TEST("where nothing is synced, nobody waits") {
  Fixture fixture;
  fixture.sync = 0;
  for (int i = 0; i < 3; i++) {
    fixture.Acknowledge(64);
    CHECK(fixture.gathering.IsComplete());
    CHECK((fixture.gathering.limit() == fixture.Now()));
    fixture.Come(64, 0);
  }
}

TEST("a wait in vain is not tried again for a while, and then it is") {
  Fixture fixture;
  fixture.GoRound(8);
  fixture.Acknowledge(8);
  CHECK(!fixture.gathering.IsComplete());
  fixture.gathering.WasInVain();
  CHECK(fixture.gathering.IsComplete());
  int rests = 0;
  for (fixture.GoRound(8); fixture.gathering.IsComplete() && rests < 100; rests++) {
    fixture.Come(8, 100);
    fixture.Acknowledge(8);
  }
  CHECK(rests > 1);
  CHECK(rests < 20);
}

TEST("the limit follows the time that syncs take, and one that is slow does not decide it") {
  Fixture fixture;
  for (int i = 0; i < 20; i++) fixture.GoRound(2);
  fixture.sync = 100'000;
  fixture.Acknowledge(2);
  CHECK((fixture.gathering.limit() - fixture.Now() < microseconds(20'000)));
  for (int i = 0; i < 50; i++) fixture.Acknowledge(2);
  CHECK((fixture.gathering.limit() - fixture.Now() > microseconds(90'000)));
}

}  // namespace
}  // namespace holdfast::append
