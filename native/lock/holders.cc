#include "lock/holders.h"

#ifdef __linux__

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "os/directory.h"
#include "os/posix.h"

namespace holdfast::lock {
namespace {

constexpr size_t kMaxCommandBytes = 4096;

// The whole of a file of /proc, or its first bytes. What was read until a failure is the caller's to use.
os::Error Read(const std::string& path, std::string* out, size_t max = SIZE_MAX) {
  out->clear();
  os::File file;
  if (os::Error error = os::Open(path, O_RDONLY, &file)) return error;
  char bytes[8192];
  while (out->size() < max) {
    const ssize_t count = os::Retry([&] {
      return os::system_calls.pread(file.handle(), bytes, std::min(sizeof bytes, max - out->size()),
                                    static_cast<off_t>(out->size()));
    });
    if (count < 0) return os::Failed("read");
    if (count == 0) break;
    out->append(bytes, static_cast<size_t>(count));
  }
  return {};
}

std::string ReadLink(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = os::system_calls.readlink(path.c_str(), target, sizeof target);
  return std::string(target, length > 0 ? static_cast<size_t>(length) : 0);
}

// The number that a text begins with; 0 if there is none.
int NumberIn(std::string_view text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// The names in a directory that are numbers.
std::vector<int> NumbersIn(const std::string& path, os::Error* error) {
  std::vector<int> numbers;
  os::Directory directory;
  *error = directory.Open(path);
  for (std::string name; !*error;) {
    if (directory.Next(&name) || name.empty()) break;
    if (name.find_first_not_of("0123456789") == std::string::npos) numbers.push_back(NumberIn(name));
  }
  return numbers;
}

std::vector<std::string_view> WordsOf(std::string_view line) {
  constexpr std::string_view kSpace = " \t";
  std::vector<std::string_view> words;
  for (size_t begin = line.find_first_not_of(kSpace); begin < line.size();) {
    const size_t end = std::min(line.find_first_of(kSpace, begin), line.size());
    words.push_back(line.substr(begin, end - begin));
    begin = line.find_first_not_of(kSpace, end);
  }
  return words;
}

// Calls use(line) for each line.
template <typename Use>
void ForEachLine(std::string_view text, Use use) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    use(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

// The words after `field`, which a line of `text` begins with.
std::vector<std::string_view> Field(std::string_view text, std::string_view field) {
  std::vector<std::string_view> words;
  ForEachLine(text, [&](std::string_view line) {
    if (line.substr(0, field.size()) == field) words = WordsOf(line.substr(field.size()));
  });
  return words;
}

// The device of the superblock that is mounted as `mount`: "<major>:<minor>", in decimal.
std::string DeviceOfMount(std::string_view mount) {
  std::string mounts;
  std::string device;
  Read("/proc/self/mountinfo", &mounts);
  ForEachLine(mounts, [&](std::string_view line) {
    const std::vector<std::string_view> words = WordsOf(line);  // its number, its parent's, the device, …
    if (words.size() > 2 && words[0] == mount) device = words[2];
  });
  return device;
}

// A lock that is held, as a line tells of it.
struct Line {
  int process;  // who asked for it; -1 for one of an open file description
  Mode mode;
  std::string name;
};

// Of the lock that the words of a line describe: "1:", FLOCK, OFDLCK or POSIX, ADVISORY, READ or WRITE, the
// process, the file, the first byte. In the line of a wait, "->" is the second one.
bool Parse(const std::vector<std::string_view>& words, Line* out) {
  if (words.size() < 6 || (words[1] != "FLOCK" && words[1] != "OFDLCK" && words[1] != "POSIX")) return false;
  uint64_t start = 0;
  if (words.size() > 6) std::from_chars(words[6].data(), words[6].data() + words[6].size(), start);
  if (words[1] == "OFDLCK" && start >= kMarks) return false;
  const Mode mode = words[3] == "WRITE" ? Mode::kExclusive : Mode::kShared;
  *out = {NumberIn(words[4]), mode, std::string(words[5])};
  return true;
}

// The number of a process in the pid namespace of this one, where /proc is of another: that of a host whose
// /proc a container sees (pid_namespaces(7)).
class Namespace {
 public:
  Namespace() {
    if (ReadLink("/proc/self") == std::to_string(::getpid())) return;
    own_ = Of("self");
    levels_ = StatusOf("self").levels;
  }

  // 0: it has none.
  int NumberOf(int process) const {
    if (own_.empty()) return process;
    const std::string name = std::to_string(process);
    const Status status = StatusOf(name);
    return status.levels == levels_ && Of(name) == own_ ? status.number : 0;
  }

 private:
  // In how many namespaces it has a number, from that of /proc on, and in the last one which.
  struct Status {
    size_t levels = 0;
    int number = 0;
  };

  static std::string Of(const std::string& process) { return ReadLink("/proc/" + process + "/ns/pid"); }

  static Status StatusOf(const std::string& process) {
    std::string text;
    Read("/proc/" + process + "/status", &text);
    const std::vector<std::string_view> numbers = Field(text, "NSpid:");
    return {numbers.size(), numbers.empty() ? 0 : NumberIn(numbers.back())};
  }

  std::string own_;
  size_t levels_ = 0;
};

std::string CommandOf(int process) {
  const std::string directory = "/proc/" + std::to_string(process);
  std::string command;
  Read(directory + "/cmdline", &command, kMaxCommandBytes);
  std::replace(command.begin(), command.end(), '\0', ' ');
  while (!command.empty() && command.back() == ' ') command.pop_back();
  if (!command.empty()) return command;
  Read(directory + "/comm", &command);
  if (!command.empty() && command.back() == '\n') command.pop_back();
  return command;
}

// What stat(2) calls a file, in the text of IdentifyForHolders.
std::string TextOf(const struct stat& status) {
  return " " + std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

class Search {
 public:
  Search(const std::vector<std::string>& files, os::Clock::time_point deadline)
      : found_(files.size()), deadline_(deadline) {
    for (size_t i = 0; i < files.size(); i++) {
      const size_t space = files[i].find(' ');
      if (space != std::string::npos)
        files_.emplace(files[i].substr(0, space), File{i, files[i].substr(space)});
    }
  }

  std::vector<std::vector<Holder>> Run() {
    if (files_.empty()) return std::move(found_);
    const std::vector<Line> told = Told();
    LookAt(NumberIn(ReadLink("/proc/self")));
    for (const Line& line : told) LookAt(line.process);
    os::Error ignored;
    for (const int process : NumbersIn("/proc", &ignored)) {
      if (os::Clock::now() > deadline_) break;
      LookAt(process);
    }
    // Of what another user's process has open, only /proc/locks tells anything.
    for (const Line& line : told) {
      if (closed_.count(line.process) != 0) Add(line.process, line, "");
    }
    return std::move(found_);
  }

 private:
  // A file that is asked for: where it stands in the answer, and what stat(2) calls it.
  struct File {
    size_t index;
    std::string status;
  };

  // What /proc/locks tells of these files.
  std::vector<Line> Told() const {
    std::vector<Line> told;
    std::string locks;
    Read("/proc/locks", &locks);
    Line parsed;
    ForEachLine(locks, [&](std::string_view line) {
      if (Parse(WordsOf(line), &parsed) && files_.count(parsed.name) != 0) told.push_back(parsed);
    });
    return told;
  }

  void LookAt(int process) {
    if (process <= 0 || !seen_.insert(process).second) return;
    const std::string directory = "/proc/" + std::to_string(process) + "/fdinfo";
    os::Error error;
    const std::vector<int> descriptors = NumbersIn(directory, &error);
    std::string text;
    for (const int descriptor : descriptors) {
      if (os::Clock::now() > deadline_) return;
      error = Read(directory + "/" + std::to_string(descriptor), &text);
      if (error.number == EACCES || error.number == EPERM) break;
      if (text.find("lock:\t") != std::string::npos) AddFrom(process, descriptor, text);
    }
    if (error.number == EACCES || error.number == EPERM) closed_.insert(process);
  }

  void AddFrom(int process, int descriptor, std::string_view text) {
    constexpr std::string_view kField = "lock:";
    Line parsed;
    ForEachLine(text, [&](std::string_view line) {
      if (line.substr(0, kField.size()) != kField) return;
      if (!Parse(WordsOf(line.substr(kField.size())), &parsed) || files_.count(parsed.name) == 0) return;
      // It has the superblock of a file that is asked for, so to look at it is not to ask a network anew.
      const std::string path = "/proc/" + std::to_string(process) + "/fd/" + std::to_string(descriptor);
      struct stat status;
      Add(process, parsed, os::system_calls.stat(path.c_str(), &status) == 0 ? TextOf(status) : "");
    });
  }

  // `status` is what stat(2) calls the file, if that is known.
  void Add(int process, const Line& line, const std::string& status) {
    const auto [first, last] = files_.equal_range(line.name);
    for (auto file = first; file != last; ++file) {
      if (!status.empty() && status != file->second.status) continue;
      const int number = namespace_.NumberOf(process);
      std::vector<Holder>& holders = found_[file->second.index];
      const auto is_same = [&](const Holder& holder) {
        return holder.process == number && holder.mode == line.mode;
      };
      if (number == 0 || std::any_of(holders.begin(), holders.end(), is_same)) continue;
      holders.push_back({number, line.mode, CommandOf(process)});
    }
  }

  std::vector<std::vector<Holder>> found_;
  std::unordered_multimap<std::string, File> files_;  // by what locks call them
  const os::Clock::time_point deadline_;
  const Namespace namespace_;
  std::unordered_set<int> seen_;
  std::unordered_set<int> closed_;  // those whose open files we may not see
};

}  // namespace

os::Error IdentifyForHolders(const std::string& path, std::string* file) {
  os::File opened;
  // O_PATH touches nothing, and needs no permission for the file.
  if (os::Error error = os::Open(path, O_PATH, &opened)) return error;
  struct stat status;
  if (os::system_calls.fstat(opened.handle(), &status) != 0) return os::Failed("fstat");
  std::string text;
  Read("/proc/self/fdinfo/" + std::to_string(opened.handle()), &text);
  const std::vector<std::string_view> mount = Field(text, "mnt_id:");
  const std::string device = mount.empty() ? std::string() : DeviceOfMount(mount[0]);
  const size_t colon = device.find(':');
  const bool is_known = colon != std::string::npos;
  const int device_major = is_known ? NumberIn(device) : static_cast<int>(major(status.st_dev));
  const int device_minor = is_known ? NumberIn(std::string_view(device).substr(colon + 1))
                                    : static_cast<int>(minor(status.st_dev));
  char formatted[32];
  snprintf(formatted, sizeof formatted, "%02x:%02x:", device_major, device_minor);
  const std::vector<std::string_view> inode = Field(text, "ino:");  // since Linux 5.14
  *file =
      formatted + (inode.empty() ? std::to_string(status.st_ino) : std::string(inode[0])) + TextOf(status);
  return {};
}

std::vector<std::vector<Holder>> FindHolders(const std::vector<std::string>& files,
                                             os::Clock::time_point deadline) {
  return Search(files, deadline).Run();
}

}  // namespace holdfast::lock

#else

namespace holdfast::lock {

os::Error IdentifyForHolders(const std::string& path, std::string* file) {
  file->clear();
  os::FileId ignored;
  return os::Identify(path, &ignored);
}

std::vector<std::vector<Holder>> FindHolders(const std::vector<std::string>& files, os::Clock::time_point) {
  return std::vector<std::vector<Holder>>(files.size());
}

}  // namespace holdfast::lock

#endif
