// The file of ids beside a chronicle: what lets `dedupe: 'all'` open a large chronicle without reading all of
// it.
//
// It is a cache. It is compared with the chronicle when it is loaded, nothing in it is believed beyond "look
// there", and where it is missing, torn, stale or of another file it is made again. It is never synced.
//
//   header   magic, hash of the id's key, device and inode of the chronicle's file, checksum
//   chunk    magic, from, to, hash of the chronicle's bytes before `to`, count, checksum; then `count`
//   records record   fingerprint, offset
//
// All numbers are 64 bits, little endian. Each chunk begins in the chronicle where the one before ends.
// Writers append chunks under a lock on this file, which nobody waits for; readers take none, and stop at the
// first chunk that is not whole or does not fit the chronicle.
#ifndef HOLDFAST_DEDUPE_IDS_FILE_H_
#define HOLDFAST_DEDUPE_IDS_FILE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "dedupe/id_finder.h"
#include "os/file.h"

namespace holdfast::dedupe {

class IdsFile {
 public:
  struct Record {
    Fingerprint id;
    uint64_t offset;
  };
  using Found = std::function<void(const std::vector<Record>&)>;

  // Loads the ids of the chronicle's file from `path`, and says up to where it knows them; 0 where it does
  // not. `reserve` is told how many there are.
  uint64_t Load(std::string path, uint64_t key_hash, const os::File& chronicle, const os::FileId& id,
                uint64_t size, const std::function<void(size_t)>& reserve, const Found& found);

  // Collects an id behind what is in the file; saves when there are many.
  void Add(const os::File& chronicle, Fingerprint id, uint64_t offset);

  // Appends what was collected, up to `end`. Where another process does so now, or anything fails, it is left
  // for later, or for ever: it is only a cache.
  void Save(const os::File& chronicle, uint64_t end);

 private:
  bool HasHeader(const os::File& file) const;
  // Goes through the chunks from `bytes_` and `end_` on.
  void ReadChunks(const os::File& file, const os::File& chronicle, const Found& found);
  bool Begin(const os::File& file);

  std::string path_;
  uint64_t key_hash_ = 0;
  os::FileId chronicle_id_;
  uint64_t bytes_ = 0;  // how much of the file of ids is known to be good
  uint64_t end_ = 0;    // up to where that knows the chronicle
  std::vector<Record> collected_;
};

}  // namespace holdfast::dedupe

#endif  // HOLDFAST_DEDUPE_IDS_FILE_H_
