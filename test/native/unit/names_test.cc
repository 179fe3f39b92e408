// The names of rotated files, against the calendar of the C library.
#include "files/names.h"

#include <time.h>

#include <cstdint>
#include <string>

#include "check.h"

namespace {

using namespace holdfast::files;

constexpr int64_t kDay = 86'400'000;
constexpr int64_t kLastDay = 2'932'896;  // 9999-12-31, in days since 1970-01-01

std::string StampOfLibrary(int64_t milliseconds) {
  const time_t seconds = static_cast<time_t>(milliseconds / 1000);
  struct tm parts;
  ::gmtime_r(&seconds, &parts);
  char text[32], end[8];
  ::strftime(text, sizeof text, "%Y%m%dT%H%M%S", &parts);
  std::snprintf(end, sizeof end, ".%03dZ", static_cast<int>(milliseconds % 1000));
  return std::string(text) + end;
}

TEST("names: the time of a rotation in UTC, to the millisecond") {
  CHECK_EQ(StampOf(Milliseconds(0)), "19700101T000000.000Z");
  CHECK_EQ(StampOf(Milliseconds(1'795'557'167'123)), "20261124T215247.123Z");
  CHECK_EQ(RotatedPath("/a/orders.ndjson", "20261124T215247.123Z"), "/a/orders.ndjson.20261124T215247.123Z");
  CHECK_EQ(IdsPath("/a/orders.ndjson"), "/a/orders.ndjson.ids");
}

TEST("names: as the C library has it, and back, for days up to the year 9999") {
  for (int64_t day = 0; day <= kLastDay; day += day < 60 * 366 ? 1 : 17) {
    const int64_t time = day * kDay + (day * 7919) % kDay;
    const std::string stamp = StampOf(Milliseconds(time));
    CHECK_EQ(stamp, StampOfLibrary(time));
    CHECK(IsStamp(stamp));
    CHECK_EQ(TimeOf(stamp).count(), time);
  }
}

TEST("names: sort in the order of time, across every border") {
  for (const int64_t day :
       {1ll, 31ll, 58ll, 59ll, 365ll, 789ll, 10'956ll, 11'016ll, 47'540ll, kLastDay + 0ll}) {
    for (const int64_t unit : {int64_t{1}, int64_t{1000}, int64_t{60'000}, int64_t{3'600'000}, kDay}) {
      const int64_t time = day * kDay;
      CHECK(StampOf(Milliseconds(time - unit)) < StampOf(Milliseconds(time)));
      CHECK(StampOf(Milliseconds(time - 1)) < StampOf(Milliseconds(time - 1 + unit)));
    }
  }
}

TEST("names: the next one sorts after the last, if the clock stands still or has gone back") {
  const Milliseconds now(1'795'557'167'999);
  const std::string same = StampOf(now), future = "20991231T235959.999Z", past = "20200101T000000.000Z";
  CHECK_EQ(NextTime(now, "").count(), now.count());
  CHECK_EQ(NextTime(now, past).count(), now.count());
  CHECK_EQ(StampOf(NextTime(now, same)), "20261124T215248.000Z");
  CHECK_EQ(StampOf(NextTime(now, future)), "21000101T000000.000Z");
}

TEST("names: only a time that there is is one") {
  for (const char* stamp : {"20200229T235959.999Z", "20001231T000000.000Z", "19700101T000000.000Z"}) {
    CHECK(IsStamp(stamp));
  }
  for (const char* stamp :
       {"20200001T000000.000Z", "20201301T000000.000Z", "20200100T000000.000Z", "20200132T000000.000Z",
        "20210229T000000.000Z", "19000229T000000.000Z", "20200431T000000.000Z", "20200101T240000.000Z",
        "20200101T006000.000Z", "20200101T000060.000Z", "00000000T000000.000Z", "99999999T999999.999Z"}) {
    CHECK(LooksLikeStamp(stamp));
    CHECK(!IsStamp(stamp));
  }
}

TEST("names: only a whole stamp is one") {
  const std::string stamp = "20261124T215247.123Z";
  CHECK(IsStamp(stamp));
  for (size_t at = 0; at < stamp.size(); at++) {
    for (const char byte : {'x', ' ', '/', ':', '\0', '\xff'}) {
      std::string other = stamp;
      other[at] = byte;
      CHECK(!IsStamp(other));
    }
    CHECK(!IsStamp(stamp.substr(0, at)));
  }
  CHECK(!IsStamp(stamp + "x"));
  CHECK(!IsStamp(stamp + ".ids"));
}

}  // namespace
