#include "files/rotated_files.h"

#include <errno.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "os/directory.h"

namespace holdfast::files {
namespace {

constexpr size_t kMaxForeign = 100;

constexpr std::string_view kGzip = ".gz";

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// Looks at a name that is not believed once more. A rotation by others, after the one that moved the
// chronicle's file away that the caller has open, gives its file the second name before it takes the first:
// for that moment it has two. `is_current`: it is still what `path` names.
os::Error LookAgain(const std::string& path, const std::string& found, const os::File& file, os::Named* named,
                    bool* is_current) {
  os::FileId current;
  *is_current = !os::Identify(path, &current) && current == named->id;
  return *is_current ? os::Error{} : os::LookBeside(found, file, named);
}

// By how much clocks may differ, so that nobody's files are lost for it.
constexpr Milliseconds kMaxAhead{24 * 60 * 60 * 1000};

}  // namespace

Milliseconds Now() {
  return std::chrono::duration_cast<Milliseconds>(std::chrono::system_clock::now().time_since_epoch());
}

os::Error ListRotatedFiles(const std::string& path, const os::File& file, RotatedFiles* out) {
  *out = {};
  os::FileId own;
  if (file.is_open()) {
    if (os::Error error = file.Id(&own)) return error.Of(path);
  }
  const size_t slash = path.find_last_of(os::kSeparators);
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string prefix = (slash == std::string::npos ? path : path.substr(slash + 1)) + '.';
  const std::string latest = StampOf(Now() + kMaxAhead);
  std::vector<std::string> aliases;
  os::Directory listed;
  if (os::Error error = listed.Open(directory)) return error.Of(directory);
  for (std::string name;;) {
    if (os::Error error = listed.Next(&name)) return error.Of(directory);
    if (name.empty()) break;
    if (name.compare(0, prefix.size(), prefix) != 0) continue;
    const bool is_compressed = EndsWith(name, kGzip);
    const size_t end = is_compressed ? name.size() - kGzip.size() : name.size();
    if (end < prefix.size() || !LooksLikeStamp(name.substr(prefix.size(), end - prefix.size()))) continue;
    const std::string stamp = name.substr(prefix.size(), end - prefix.size());
    const std::string found = (slash == std::string::npos ? "" : directory) + name;
    os::Named named;
    bool is_current = false;
    os::Error error = os::LookBeside(found, file, &named);
    const bool is_own = !error && file.is_open() && named.id == own;
    if (!error && !named.is_believed && !is_own) error = LookAgain(path, found, file, &named, &is_current);
    if (error.number == ENOENT || is_current) continue;  // removed meanwhile, as too old; or not rotated yet
    if (error) return error.Of(found);
    if (is_own && !is_compressed) {
      aliases.push_back(found);
    } else if (named.is_believed && IsStamp(stamp) && stamp <= latest) {
      (is_compressed ? out->compressed : out->believed).push_back(found);
    } else if (out->foreign.size() < kMaxForeign) {
      out->foreign.push_back(found);
    }
  }
  std::sort(out->believed.begin(), out->believed.end());
  // The last one, if it is one that a rotation could have made now. Anybody may have made the others.
  for (std::string& found : aliases) {
    const std::string stamp = found.substr(path.size() + 1);
    const bool is_next =
        IsStamp(stamp) && stamp <= latest && (out->believed.empty() || found > out->believed.back());
    if (is_next && found > out->alias) std::swap(found, out->alias);
    if (!found.empty()) out->strays.push_back(std::move(found));
  }
  return {};
}

os::Error ListRotatedFiles(const std::string& path, const os::File& file,
                           std::vector<std::string>* believed) {
  RotatedFiles all;
  if (os::Error error = ListRotatedFiles(path, file, &all)) return error;
  *believed = std::move(all.believed);
  return {};
}

os::Error OpenRotatedFile(const std::string& path, const os::File& file, os::File* out) {
  return os::File::OpenBelieved(path, file, false, out).Of(path);
}

}  // namespace holdfast::files
