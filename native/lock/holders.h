// Who holds the locks on files. Linux tells, in /proc: of each process that this one may look at, which of
// its open files have a lock (the `lock:` lines of /proc/<pid>/fdinfo/<descriptor>, proc(5)). Elsewhere
// nobody is found.
//
// /proc/locks alone would not do. It names who asked for a lock, not who has it: the descriptor may have been
// inherited, and whoever asked be gone. In a pid namespace it leaves out the locks that others asked for.
#ifndef HOLDFAST_LOCK_HOLDERS_H_
#define HOLDFAST_LOCK_HOLDERS_H_

#include <string>
#include <vector>

#include "lock/mechanism.h"
#include "os/clock.h"
#include "os/file.h"

namespace holdfast::lock {

struct Holder {
  int process = 0;  // as this process numbers it
  Mode mode = Mode::kExclusive;
  std::string command;  // the command line, or the name of the command; its first few kilobytes
};

// Tells the file that `path` names from every other one: what the kernel calls it where it lists locks, the
// device of its superblock and its inode; and, because all subvolumes of a btrfs have one superblock, what
// stat(2) calls it, whose device is another one there. Text that only FindHolders understands; empty where
// the system lists no locks. Blocks on a network.
os::Error IdentifyForHolders(const std::string& path, std::string* file);

// The holders of the locks on each of these files, in their order. At the deadline, those that were found
// until then; this process and whoever asked for a lock are looked at first.
std::vector<std::vector<Holder>> FindHolders(const std::vector<std::string>& files,
                                             os::Clock::time_point deadline);

}  // namespace holdfast::lock

#endif  // HOLDFAST_LOCK_HOLDERS_H_
