#include "files/rotation.h"

#include <errno.h>

#include <algorithm>
#include <cstdio>

namespace holdfast::files {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr char kPattern[] = "dddddddd:dddddd.ddd;";  // d: a digit, ':' stands for T and ';' for Z

bool IsStamp(const std::string& text) {
  if (text.size() != sizeof kPattern - 1) return false;
  for (size_t i = 0; i < text.size(); i++) {
    const char wanted = kPattern[i];
    const bool fits = wanted == 'd'   ? text[i] >= '0' && text[i] <= '9'
                      : wanted == ':' ? text[i] == 'T'
                      : wanted == ';' ? text[i] == 'Z'
                                      : text[i] == wanted;
    if (!fits) return false;
  }
  return true;
}

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

std::string StampOf(Milliseconds since_epoch) {
  const int64_t all = since_epoch.count();
  const Date date = DateOf(all / 86'400'000);
  const int64_t rest = all % 86'400'000;
  char text[64];
  std::snprintf(text, sizeof text, "%04d%02d%02dT%02d%02d%02d.%03dZ", static_cast<int>(date.year),
                static_cast<int>(date.month), static_cast<int>(date.day), static_cast<int>(rest / 3'600'000),
                static_cast<int>(rest / 60'000 % 60), static_cast<int>(rest / 1000 % 60),
                static_cast<int>(rest % 1000));
  return text;
}

Milliseconds TimeOf(const std::string& stamp) {
  const auto number = [&](size_t at, size_t length) { return std::stoll(stamp.substr(at, length)); };
  const int64_t days = DaysOf({number(0, 4), number(4, 2), number(6, 2)});
  return Milliseconds(days * 86'400'000 + number(9, 2) * 3'600'000 + number(11, 2) * 60'000 +
                      number(13, 2) * 1000 + number(16, 3));
}

Milliseconds Now() {
  return std::chrono::duration_cast<Milliseconds>(std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace

bool Rotation::IsDue(const os::File& file, uint64_t size, uint64_t more) const {
  if (size == 0) return false;
  if (max_bytes != 0 && size + more > max_bytes) return true;
  Milliseconds born{0};
  return max_age.count() != 0 && !file.Born(&born) && Now() - born >= max_age;
}

os::Error RotatedFiles(const std::string& path, std::vector<std::string>* out) {
  const size_t slash = path.find_last_of(os::kSeparators);
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string prefix = (slash == std::string::npos ? path : path.substr(slash + 1)) + '.';
  std::vector<std::string> names;
  if (os::Error error = os::ListDirectory(directory, &names)) return error;
  out->clear();
  for (const std::string& name : names) {
    if (name.compare(0, prefix.size(), prefix) == 0 && IsStamp(name.substr(prefix.size()))) {
      out->push_back((slash == std::string::npos ? "" : directory) + name);
    }
  }
  std::sort(out->begin(), out->end());
  return {};
}

os::Error Rotate(const std::string& path) {
  std::vector<std::string> rotated;
  if (os::Error error = RotatedFiles(path, &rotated)) return error;
  Milliseconds time = Now();
  if (!rotated.empty()) {
    // The clock may have gone back, or two rotations may fall into one millisecond.
    const std::string& last = rotated.back();
    time = std::max(time, TimeOf(last.substr(path.size() + 1)) + Milliseconds(1));
  }
  std::string name;
  // Nobody else renames while we hold the lock; but what was listed may not be all that is there.
  for (os::FileId taken; name.empty() || !os::Identify(name, &taken); time++)
    name = path + '.' + StampOf(time);
  if (os::Error error = os::Rename(path, name)) return error;
  // Only a cache: if this fails, it is made again.
  os::Rename(IdsPath(path), IdsPath(name));
  return {};
}

os::Error RemoveOldFiles(const std::string& path, size_t keep) {
  std::vector<std::string> rotated;
  if (os::Error error = RotatedFiles(path, &rotated)) return error;
  for (size_t i = 0; i + keep < rotated.size(); i++) {
    // ENOENT: another process removes the same ones.
    const os::Error error = os::Remove(rotated[i]);
    if (error && error.number != ENOENT) return error;
    os::Remove(IdsPath(rotated[i]));
  }
  return {};
}

std::string IdsPath(const std::string& path) {
  return path + ".ids";
}

}  // namespace holdfast::files
