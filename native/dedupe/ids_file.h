// The file of ids beside a chronicle's file: what lets `dedupe: 'all'` open a large chronicle without reading
// all of it.
//
// It is a cache, in the format of ids_format.h. When it is loaded it is compared with the chronicle, and what
// is in it is believed no further than "look at this offset". If it is missing, torn, out of date or that of
// another file, it is made anew. It is never synced.
//
// Writers append chunks under a lock on this file, which nobody waits for. Readers take no lock, and stop at
// the first chunk that is incomplete or does not fit the chronicle.
#ifndef HOLDFAST_DEDUPE_IDS_FILE_H_
#define HOLDFAST_DEDUPE_IDS_FILE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "dedupe/id_finder.h"
#include "dedupe/ids_format.h"
#include "os/file.h"

namespace holdfast::dedupe {

class IdsFile {
 public:
  using Record = ids_format::Record;

  // Where the file of ids is, and what its header has to say.
  struct Identity {
    std::string path;
    HashKey hash_key;
    std::string id_key;
    os::FileId chronicle;
  };

  // The key that the file of ids at `path`, beside the chronicle, was made with; false if it has none.
  static bool ReadHashKey(const std::string& path, const os::File& chronicle, HashKey* out);

  // Who is told what is in it: first how many records there are, at most, and then the records of each chunk.
  struct Receiver {
    std::function<void(size_t)> reserve;
    std::function<void(const std::vector<Record>&)> add;
  };

  // Loads the ids of the chronicle's file, which has `size`. Answers up to which offset they are known, which
  // is 0 if the file of ids is of no use.
  uint64_t Load(Identity identity, const os::File& chronicle, uint64_t size, const Receiver& receiver);

  // Collects an id that was found at `offset`, after all that are in the file; saves when there are many.
  void Add(const os::File& chronicle, Fingerprint id, uint64_t offset);

  // Appends what was collected; the ids of the chronicle are known up to `end`. If another process is saving
  // now, it is left for later. If anything fails, it may never be saved: it is only a cache.
  void Save(const os::File& chronicle, uint64_t end);

 private:
  using AddRecords = std::function<void(const std::vector<Record>&)>;

  ids_format::Header MakeHeader() const;
  // Reads the chunks after those that are known, and moves `good_bytes_` and `known_end_` after them.
  void ReadChunks(const os::File& file, const os::File& chronicle, const AddRecords& add);
  // Makes the file ready for more chunks; false if what is known of it is not in it any more.
  bool Begin(const os::File& file);
  // Appends the records that were collected, in chunks; what is left is what could not be written.
  void WriteChunks(const os::File& file, const os::File& chronicle, uint64_t end);
  // Stops using the file, because what was collected does not follow what is in it.
  void GiveUp();

  Identity identity_;  // without path: there is no file to use
  // The bytes of the file of ids that are known to be good, and up to which offset of the chronicle they tell
  // the ids.
  uint64_t good_bytes_ = 0;
  uint64_t known_end_ = 0;
  std::vector<Record> collected_;  // in the order of their offsets
};

}  // namespace holdfast::dedupe

#endif  // HOLDFAST_DEDUPE_IDS_FILE_H_
