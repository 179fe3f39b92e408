// The chain of a chronicle, as its writer keeps it: what the last link is, whether the file may be gone on
// with, and the links of the lines that are written next. A writer that keeps no chain asks here too, so that
// it writes no line without link into a chained file.
//
// The caller holds the lock of the file, or takes what is said for a hint.
#ifndef HOLDFAST_CHAIN_CHAIN_H_
#define HOLDFAST_CHAIN_CHAIN_H_

#include <cstdint>
#include <string>

#include "dedupe/id_finder.h"
#include "os/file.h"

namespace holdfast::chain {

enum class Mode {
  kOff,
  kOn,
  kRestart,  // the first line begins a new chain, whatever there is of an old one
};

// Why a file may not be gone on with.
enum class Refusal {
  kNone,
  kIsChained,     // and the writer keeps no chain
  kIsNotChained,  // its last event has no link, and the writer keeps a chain
  kIsBroken,      // its last link is not that of its last event
  kOtherIdKey,    // its last event has no id under the writer's key
};

class Chain {
 public:
  struct Options {
    Mode mode = Mode::kOff;
    uint64_t max_line_bytes = 0;
  };

  // `id_finder` must outlive this.
  Chain(std::string path, const dedupe::IdFinder& id_finder, Options options);

  bool is_on() const { return options_.mode != Mode::kOff; }

  // Finds the last link of the file, which has `size`, and whether it may be gone on with. Costs at most one
  // short read if this writer was the last that wrote.
  os::Error CatchUp(const os::File& file, const os::FileId& id, uint64_t size, Refusal* refusal);

  // Puts the links into whole lines, each with its newline, that go on after what CatchUp found. They have
  // room for them: any 64 digits.
  void Link(std::string* lines);

  // What was linked is in the file, which ends here now.
  void SetEnd(const os::FileId& id, uint64_t end) {
    Know(id, end);
    restarts_ = false;
  }
  // The next CatchUp looks at the file again.
  void Forget() { file_id_ = {}; }

 private:
  struct LastEvents;

  void Know(const os::FileId& id, uint64_t end) {
    file_id_ = id;
    end_ = end;
  }
  bool IsKnown(const os::File& file, const os::FileId& id, uint64_t size) const;
  os::Error LookForChain(const os::File& file, const os::FileId& id, uint64_t size, Refusal* refusal);
  static os::Error LookAtEnd(const os::File& file, uint64_t size, size_t window, bool* has_event,
                             bool* is_chained);
  os::Error FindLast(const os::File& file, uint64_t size, LastEvents* last);
  os::Error AddLastOf(const os::File& file, uint64_t size, LastEvents* last);
  os::Error AddLastOfRotated(const os::File& file, LastEvents* last);
  Refusal Judge(const LastEvents& last) const;

  const std::string path_;
  const dedupe::IdFinder& id_finder_;
  const Options options_;
  bool restarts_;  // the next line begins a new chain
  // What is known, of which file, up to where.
  os::FileId file_id_;
  uint64_t end_ = 0;
  std::string link_;
  os::FileId plain_id_;  // of a file that has events without links
  std::string buffer_;   // for LineWalker
};

}  // namespace holdfast::chain

#endif  // HOLDFAST_CHAIN_CHAIN_H_
