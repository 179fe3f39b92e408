// The file operations that locking and appending need. This header and directory.h are the seam between
// platforms: one .cc file per platform fills each, and nothing above them knows which one.
#ifndef HOLDFAST_OS_FILE_H_
#define HOLDFAST_OS_FILE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace holdfast::os {

// What separates the parts of a path.
#ifdef _WIN32
constexpr char kSeparators[] = "/\\";
#else
constexpr char kSeparators[] = "/";
#endif

// A system call that failed. `number` is errno (0: no error); `syscall` is its name, as node:fs would print
// it; `path`, if it is not empty, is the file that was met, where that is not the one that the caller knows.
struct Error {
  int number = 0;
  const char* syscall = "";
  std::string path{};
  explicit operator bool() const { return number != 0; }

  // The same, of this file.
  Error Of(const std::string& met) const { return number == 0 ? Error{} : Error{number, syscall, met}; }
};

// What tells one file from another, whatever the path: device and inode.
struct FileId {
  uint64_t device = 0;
  uint64_t inode = 0;
  bool operator==(const FileId& other) const { return device == other.device && inode == other.inode; }
  bool operator!=(const FileId& other) const { return !(*this == other); }
};

// What the file system has noted of a file, by its clock, since 1970.
struct FileTimes {
  FileId id;
  std::optional<std::chrono::milliseconds> born;  // nothing: it does not know
  std::chrono::milliseconds modified{0};          // the last write
  std::chrono::milliseconds changed{0};           // the last change of its rights or names
};

// How far a sync must reach. kData: fdatasync, or fsync if there is nothing else. kFull: through the
// drive's own cache too, if the platform tells the two apart (F_FULLFSYNC on macOS).
enum class Durability { kNone, kData, kFull };

// How a file is opened for locking.
struct LockAccess {
  bool create = true;  // an empty file, if there is none
  bool follow = true;  // false: a path whose last part is a symbolic link fails with ELOOP
  bool write = false;  // the mechanism asks for it
  // Until somebody has given up a lease on the file; else that is EAGAIN. Only on Linux.
  bool wait_for_lease = false;
  // Of a file that is made, whatever the umask is; not on Windows.
  std::optional<unsigned> permissions;
};

// A file of our own beside another one: whether it is made if it is missing, and how it is written.
enum class Beside { kThere, kMadeToAppend, kMadeToOverwrite };

// An open file, closed on destruction. No child process inherits it.
class File {
 public:
#ifdef _WIN32
  using Handle = void*;
  static constexpr Handle kNone = nullptr;
#else
  using Handle = int;
  static constexpr Handle kNone = -1;
#endif

  File() = default;
  explicit File(Handle handle) : handle_(handle) {}
  File(File&& other) noexcept : handle_(std::exchange(other.handle_, kNone)) {}
  File& operator=(File&& other) noexcept {
    if (this != &other) {
      Close();
      handle_ = std::exchange(other.handle_, kNone);
    }
    return *this;
  }
  ~File() { Close(); }

  // For locking, with no more access than that takes. See lock/named_file.h.
  static Error OpenForLock(const std::string& path, LockAccess access, File* out);

  // What Node knows as descriptor `number`.
  static Handle OfDescriptor(int number);

  // The number of the file, which is the caller's to close from now on. -1 on Windows, where Node knows only
  // what its own C library has opened.
  int ReleaseDescriptor();

  // The device of an open file, as FileId has it, without asking the server of a network file system. False:
  // the system cannot say; only Linux can.
  static bool KnownDevice(Handle handle, uint64_t* out);

  // A second handle of the same open file: what is locked through one is locked through the other.
  static Error Duplicate(Handle handle, File* out);

  // For appending and reading back. Creates the file, and every missing directory above it. Refuses anything
  // that is not a regular file with EINVAL.
  static Error OpenForAppend(const std::string& path, File* out);

  static Error OpenForReading(const std::string& path, File* out);
  // Likewise, for Sync: Windows syncs only what may be written.
  static Error OpenForSync(const std::string& path, File* out);

  // Opens a file of our own beside `owner`, for reading and writing. One that is made has the rights of
  // `owner`. Refuses with EPERM what somebody may have put there for us to write through: a link, no regular
  // file, a file that belongs neither to us nor to who owns `owner`. One that more may write to than may
  // write to `owner` is refused, too, or made anew.
  static Error OpenBeside(const std::string& path, const File& owner, Beside use, File* out);

  // Makes a file for reading and appending (EEXIST: something has the name). Without permissions, nobody else
  // may open it; the umask narrows those that are given. Windows knows only whether it may be written to, and
  // takes the rest from the directory.
  static Error Make(const std::string& path, std::optional<unsigned> permissions, File* out);

  // Opens a regular file that is to be replaced, for its rights, and not through a link. A directory is
  // EISDIR, and everything else EINVAL.
  static Error OpenToReplace(const std::string& path, File* out);

  // Opens one of the files beside `chronicle` for reading, or for Sync. As if it were not there, with ENOENT,
  // if it is not believed; see LookBeside.
  static Error OpenBelieved(const std::string& path, const File& chronicle, bool for_sync, File* out);

  bool is_open() const { return handle_ != kNone; }
  Handle handle() const { return handle_; }
  // What a network file system has not written yet may fail here.
  Error Close() { return is_open() ? CloseHandle(std::exchange(handle_, kNone)) : Error{}; }

  Error Id(FileId* out) const;
  // How many names the file has.
  Error Links(uint64_t* out) const;
  // Refuses a directory with EISDIR, and everything else that is no regular file with EEXIST, as mkdir would.
  Error CheckRegular() const;
  Error Size(uint64_t* out) const;
  Error Times(FileTimes* out) const;
  // Makes the time of the last write that of now, by the clock of the file system.
  Error Touch() const;

  // Reads exactly `length` bytes at `offset`, or fails with EIO if the file ends before.
  Error ReadAt(uint64_t offset, char* buffer, size_t length) const;

  // True if nothing was ever written there, so that all of it reads as NUL. A file system or platform that
  // cannot tell says no.
  bool IsHole(uint64_t offset, uint64_t length) const;

  // Writes `prefix` and then `data` at the end of the file, wherever that is now. A failure may leave a part
  // of them in the file; the caller, who holds the lock, cuts it off again.
  Error Append(const char* prefix, size_t prefix_length, const char* data, size_t length) const;

  // Writes at `offset`, into a file that was opened to be overwritten.
  Error WriteAt(uint64_t offset, const char* data, size_t length) const;

  Error Truncate(uint64_t size) const;
  Error Sync(Durability durability) const;

  // True for file systems of this machine, whose calls do not hang on a network. Unknown kinds count as
  // remote.
  bool IsLocal() const;

 private:
  static Error CloseHandle(Handle handle);

  Handle handle_ = kNone;
};

// The file that `path` names now (ENOENT: none).
Error Identify(const std::string& path, FileId* out);
// As Identify, but a network file system asks its server. `opened` is the file that had that name; if it has
// none any more, that is ENOENT.
Error IdentifyOnServer(const std::string& path, const File& opened, FileId* out);

// What has a name now, which is not followed if it is a link (ENOENT: nothing).
struct Named {
  FileId id;
  // Whether it can be ours: a name does not prove that we made a file, since others may write to the
  // directory. Believed is a regular file that belongs to whom `chronicle` belongs to, to us or to root, and
  // that has no other name, by which somebody might write to it. If `chronicle` is not open, the owner of the
  // directory stands in for its owner.
  bool is_believed = false;
};
Error LookBeside(const std::string& path, const File& chronicle, Named* out);

// The path of `file` that `path` leads to if its last part is a symbolic link: what stands beside the file is
// beside that. `path` itself if it is none, or leads to another file by now; and on Windows, where to make a
// link takes a privilege.
std::string TargetOf(const std::string& path, const File& file);

// Gives the file `from` the name `to`, and replaces what has that name. Its time of birth stays.
Error Rename(const std::string& from, const std::string& to);

// Gives the file `from` the further name `to` (EEXIST: something has it). See IsWithoutLinks.
Error Link(const std::string& from, const std::string& to);

// Whether this error of Link may mean that the file system has no further names.
bool IsWithoutLinks(const Error& error);

// Removes the directory entry `path`, not a directory.
Error Remove(const std::string& path);

}  // namespace holdfast::os

#endif  // HOLDFAST_OS_FILE_H_
