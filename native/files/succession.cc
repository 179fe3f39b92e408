#include "files/succession.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "chain/sha256.h"
#include "os/attribute.h"

namespace holdfast::files {
namespace {

constexpr char kName[] = "user.holdfast.after";
constexpr size_t kMaxNote = 512;

// As FileSource of lib/engines/file/lines/position.ts has it.
constexpr size_t kHeadBytes = 512;
constexpr size_t kFingerprintDigits = 12;

// So many of the files before are noted. A file that was compressed has lost its note, but those after it say
// what was before it.
constexpr size_t kMaxFiles = 32;

// The fingerprints in a note, each with the hyphen before it.
std::string FingerprintsIn(const std::string& note) {
  size_t at = 0;
  for (int fields = 0; fields < 3 && at != std::string::npos; fields++) at = note.find('-', at + 1);
  return at == std::string::npos ? std::string() : note.substr(at);
}

}  // namespace

void NoteSuccession(const os::File& before, const os::File& next) {
  uint64_t size = 0;
  os::FileId id;
  if (before.Size(&size) || before.Id(&id)) return;
  std::string head(static_cast<size_t>(std::min<uint64_t>(size, kHeadBytes)), '\0');
  if (before.ReadAt(0, head.data(), head.size())) return;
  chain::Sha256 hash;
  hash.Add(std::string_view(head).substr(0, head.find('\n')));
  const std::string older =
      FingerprintsIn(SuccessionOf(before)).substr(0, (kMaxFiles - 1) * (kFingerprintDigits + 1));
  const std::string note = "1-" + std::to_string(size) + '-' + std::to_string(id.inode) + '-' +
                           hash.Hex().substr(0, kFingerprintDigits) + older;
  os::SetAttribute(next, kName, note);
}

void CopySuccession(const os::File& from, const os::File& to) {
  const std::string note = SuccessionOf(from);
  if (!note.empty()) os::SetAttribute(to, kName, note);
}

std::string SuccessionOf(const os::File& file) {
  std::string note;
  return os::GetAttribute(file, kName, kMaxNote, &note) ? std::string() : note;
}

}  // namespace holdfast::files
