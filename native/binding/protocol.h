// What crosses between JavaScript and C++ has a name on each side: here, and in lib/native/protocol.ts. The
// addon exports its names and numbers as `protocol`, and test/native/protocol.test.ts compares the two.
//
// Enumerations that this folder needs are declared here; those of the other folders (lock::Mode,
// os::Durability, append::Status, append::Fate) cross with the numbers that they have there.
#ifndef HOLDFAST_BINDING_PROTOCOL_H_
#define HOLDFAST_BINDING_PROTOCOL_H_

#include <cstdint>
#include <limits>

namespace holdfast::protocol {

// The number of a lock that is held, or of a call that is pending; never 0.
using LockId = uint32_t;
using Ticket = uint32_t;

// That of a file that is being replaced; never 0.
using ReplacementId = uint32_t;

// What stands in the place of a LockId when there is no lock.
enum class NoLock { kBusy = 0, kMightBlock = -1 };

// A request for a lock.
enum LockFlag : uint32_t {
  kExclusive = 1,
  kCreate = 2,
  kFcntl = 4,
  kBarge = 8,
  kBlocks = 16,
  kPermissions = 32,  // the bits from kPermissionBits on are those of a file that is made
  kLockFile = 64
};
constexpr uint32_t kPermissionBits = 7;

// What becomes of a file when its lock is released.
enum class FileAtUnlock { kKeep, kRemove };

// Which directory entries are made durable: that of the path, or those of the directories above it as well.
enum class SyncedEntries { kOwn, kWithAncestors };

// The figures of a writer's reply: at which index each of them is. See WriterReply.
enum Figure : uint32_t {
  kStatus,
  kBatches,
  kLines,
  kWritten,
  kDuplicates,
  kBytes,
  kEnd,
  kHealed,
  kRotated,
  kKnownIds,
  kKnownBytes,
  kWaitedNs,
  kSyncedNs,
  kRefusal,
};
constexpr uint32_t kFigures = kRefusal + 1;

// A number of bytes, lines or files that has no bound; UINT64_MAX on this side.
constexpr double kUnbounded = std::numeric_limits<double>::infinity();

}  // namespace holdfast::protocol

#endif  // HOLDFAST_BINDING_PROTOCOL_H_
