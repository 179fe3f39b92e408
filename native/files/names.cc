#include "files/names.h"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <cstdio>

namespace holdfast::files {
namespace {

// Civil dates by arithmetic, because gmtime_r and timegm are not everywhere (Howard Hinnant,
// "chrono-Compatible Low-Level Date Algorithms"). Days are counted from 1970-01-01; years begin in March.
struct Date {
  int64_t year, month, day;
};

Date DateOf(int64_t days) {
  const int64_t shifted = days + 719'468;
  const int64_t era = shifted / 146'097;
  const int64_t day_of_era = shifted - era * 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month = (5 * day_of_year + 2) / 153;
  return {year_of_era + era * 400 + (month >= 10 ? 1 : 0), month < 10 ? month + 3 : month - 9,
          day_of_year - (153 * month + 2) / 5 + 1};
}

int64_t DaysOf(const Date& date) {
  const int64_t year = date.month <= 2 ? date.year - 1 : date.year;
  const int64_t era = year / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719'468;
}

constexpr std::string_view kStampPattern = "ddddddddTdddddd.dddZ";  // d: a digit

constexpr int64_t kSecond = 1000;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;

int64_t NumberAt(std::string_view stamp, size_t at, size_t length) {
  int64_t value = 0;
  for (const char digit : stamp.substr(at, length)) value = value * 10 + (digit - '0');
  return value;
}

// Of what has the pattern of a stamp, though it may be no time that there is.
Milliseconds ValueOf(std::string_view stamp) {
  const auto number = [stamp](size_t at, size_t length) { return NumberAt(stamp, at, length); };
  const int64_t days = DaysOf({number(0, 4), std::clamp<int64_t>(number(4, 2), 1, 12), number(6, 2)});
  return Milliseconds(days * kDay + number(9, 2) * kHour + number(11, 2) * kMinute + number(13, 2) * kSecond +
                      number(16, 3));
}

}  // namespace

std::string StampOf(Milliseconds since_epoch) {
  const int64_t time = since_epoch.count();
  assert(time >= 0);
  const Date date = DateOf(time / kDay);
  const auto part = [time](int64_t unit, int64_t count) { return static_cast<int>(time / unit % count); };
  char text[64];
  std::snprintf(text, sizeof text, "%04d%02d%02dT%02d%02d%02d.%03dZ", static_cast<int>(date.year),
                static_cast<int>(date.month), static_cast<int>(date.day), part(kHour, 24), part(kMinute, 60),
                part(kSecond, 60), part(1, 1000));
  return text;
}

Milliseconds TimeOf(std::string_view stamp) {
  assert(IsStamp(stamp));
  return ValueOf(stamp);
}

bool LooksLikeStamp(std::string_view text) {
  return text.size() == kStampPattern.size() &&
         std::equal(text.begin(), text.end(), kStampPattern.begin(), [](char byte, char wanted) {
           return wanted == 'd' ? byte >= '0' && byte <= '9' : byte == wanted;
         });
}

bool IsStamp(std::string_view text) {
  // The thirteenth month, or the 31st of April, comes back as another day.
  return LooksLikeStamp(text) && NumberAt(text, 0, 4) >= 1970 && StampOf(ValueOf(text)) == text;
}

std::string RotatedPath(std::string_view path, std::string_view stamp) {
  return std::string(path) + '.' + std::string(stamp);
}

std::string IdsPath(std::string_view path) {
  return std::string(path) + ".ids";
}

Milliseconds NextTime(Milliseconds now, std::string_view last_stamp) {
  return last_stamp.empty() ? now : std::max(now, TimeOf(last_stamp) + Milliseconds(1));
}

}  // namespace holdfast::files
