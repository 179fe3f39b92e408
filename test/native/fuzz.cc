// What native code reads that others wrote: lines, events, the file of ids, and the end of a chronicle. For
// libFuzzer: the first byte says which of them the rest is.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "dedupe/id_finder.h"
#include "dedupe/ids_file.h"
#include "dedupe/known_events.h"
#include "event/plain_json.h"
#include "os/file.h"
#include "read/line_array.h"
#include "read/line_grammar.h"

namespace {

using namespace holdfast;

constexpr const char* kEvents = "\n{\"eventId\":\"a\"}\n{\"eventId\":\"b\"}\n";

void Require(bool holds) {
  if (!holds) std::abort();
}

// What is found is a part of the line, and an id is equal to itself.
void FindId(std::string_view line) {
  static const dedupe::IdFinder id_finder("eventId");
  static_cast<void>(read::IsEvent(line));
  const std::string_view id = id_finder.Find(line);
  Require(id.empty() || (id.data() >= line.data() && id.data() + id.size() <= line.data() + line.size()));
  Require(dedupe::IdFinder::Equal(id, id));
  Require((dedupe::IdFinder::FingerprintOf({}, id) == 0) == id.empty());
}

void WriteFile(const char* path, std::string_view bytes, size_t at = 0) {
  const int file = ::open(path, O_CREAT | (at == 0 ? O_TRUNC : 0) | O_WRONLY | O_CLOEXEC, 0600);
  Require(file != -1 && ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(at)) ==
                            static_cast<ssize_t>(bytes.size()));
  ::close(file);
}

// Loads what stands there, goes on with it and saves it: whatever it is, nothing is found behind the end.
void Load(size_t size) {
  os::File file;
  os::FileId id;
  Require(!os::File::OpenForAppend("chronicle", &file) && !file.Id(&id));
  const dedupe::IdFinder id_finder("eventId");
  dedupe::KnownEvents known("chronicle", id_finder, {dedupe::RecentIds::kAll, 1 << 20, false});
  const os::Error error = known.Load(file, id, size);
  if (error) return;
  Require(known.end() <= size);
  Require(!known.CatchUp(file, size, dedupe::Tail::kIncludeUnfinished));
  std::string line;
  dedupe::KnownEvents::Found found;
  static_cast<void>(known.Look(file, "a", size / 2, &line, &found));
  known.Save(file);
}

// A chronicle of these bytes, with the file of ids that it gets, which is then damaged at a place.
void LoadIds(std::string_view chronicle, size_t at, std::string_view damage) {
  WriteFile("chronicle", chronicle);
  ::unlink("chronicle.ids");
  Load(chronicle.size());
  WriteFile("chronicle.ids", damage, at);
  Load(chronicle.size());
}

// Every newline is found, and nothing is written that is not there.
void MakeLineArray(std::string_view lines, uint64_t max_line_bytes) {
  static read::LineArray line_array;
  constexpr std::string_view kSeparator = "123456789";
  std::vector<uint32_t> ends(16);
  const std::string_view text = line_array.Make(lines, kSeparator, max_line_bytes, ends.data(), ends.size());
  const auto count = static_cast<size_t>(std::count(lines.begin(), lines.end(), '\n'));
  Require(text.empty() == (count == 0 || lines.back() != '\n' || count > ends.size()));
  if (text.empty()) return;
  Require(text.front() == '[' && text.back() == ']');
  size_t begin = 0, at = 1;
  for (size_t i = 0; i < count; i++) {
    Require(lines[ends[i]] == '\n');
    const std::string_view line = lines.substr(begin, ends[i] - begin);
    const bool is_there =
        line.size() <= max_line_bytes && line.find_first_not_of(" \t\r") != line.npos &&
        std::all_of(line.begin(), line.end(), [](char c) { return (static_cast<unsigned>(c) & 0x80) == 0; });
    Require(text.substr(at, is_there ? line.size() : 1) == (is_there ? line : "0"));
    at += is_there ? line.size() : 1;
    Require(i + 1 == count || text.substr(at, 11) == ",123456789,");
    at += 11;
    begin = ends[i] + 1;
  }
}

// Only the order of what is plain changes, and what is in order is plain.
void PutInOrder(std::string_view json) {
  static event::PlainJson plain_json;
  std::string canonical(plain_json.Canonical(json));
  if (canonical.empty()) return;
  Require(plain_json.Canonical(canonical) == canonical);
  std::string bytes(json);
  std::sort(bytes.begin(), bytes.end());
  std::sort(canonical.begin(), canonical.end());
  Require(bytes == canonical);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 4 == 1) {
    MakeLineArray(bytes, data[0]);
  } else if (data[0] % 4 == 2) {
    PutInOrder(bytes);
  } else if (data[0] % 4 == 3) {
    FindId(bytes);
  } else {
    const size_t half = bytes.size() / 2;
    LoadIds(std::string(bytes.substr(0, half)) + kEvents, data[0], bytes.substr(half));
  }
  return 0;
}
