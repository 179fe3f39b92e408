#include "files/succession.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "chain/sha256.h"
#include "os/attribute.h"

namespace holdfast::files {
namespace {

constexpr char kName[] = "user.holdfast.after";
constexpr size_t kMaxNote = 128;

// As FileSource of lib/engines/file/lines/position.ts has it.
constexpr size_t kHeadBytes = 512;
constexpr size_t kFingerprintDigits = 12;

}  // namespace

void NoteSuccession(const os::File& before, const os::File& next) {
  uint64_t size = 0;
  os::FileId id;
  if (before.Size(&size) || before.Id(&id)) return;
  std::string head(static_cast<size_t>(std::min<uint64_t>(size, kHeadBytes)), '\0');
  if (before.ReadAt(0, head.data(), head.size())) return;
  chain::Sha256 hash;
  hash.Add(std::string_view(head).substr(0, head.find('\n')));
  const std::string note = "1-" + std::to_string(size) + '-' + hash.Hex().substr(0, kFingerprintDigits) +
                           '-' + std::to_string(id.inode);
  os::SetAttribute(next, kName, note);
}

std::string SuccessionOf(const os::File& file) {
  std::string note;
  return os::GetAttribute(file, kName, kMaxNote, &note) ? std::string() : note;
}

}  // namespace holdfast::files
