// The file of ids: a file that was made by the description in ids_format.h, by hand and a program in Python,
// and every way of damaging it.
#include "dedupe/ids_file.h"

#include <string>
#include <vector>

#include "check.h"
#include "dedupe/hash.h"
#include "files.h"

namespace {

using namespace holdfast;
using dedupe::HashKey;
using dedupe::IdsFile;

constexpr const char* kChronicle =
    "{\"eventId\":\"a\"}\n{\"n\":1}\n{\"eventId\":\"b\"}\n{\"eventId\":\"c\"}\n";
constexpr uint64_t kSize = 56;
constexpr HashKey kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};
constexpr os::FileId kChronicleId{0x1122334455667788, 0x0099aabbccddeeff};

constexpr const char* kImage =
    "6866737469647332"  // 0: header: "hfstids2"
    "0001020304050607"  // hash_key
    "08090a0b0c0d0e0f"  // and its second half
    "20f4ae5c9045582e"  // Hash("eventId")
    "8877665544332211"  // device
    "ffeeddccbbaa9900"  // inode
    "00c19e761e33b126"  // checksum
    "6964736368756e6b"  // 56: "idschunk"
    "0000000000000000"  // from
    "2800000000000000"  // to: 40
    "80c77189906b1777"  // mark
    "0200000000000000"  // count
    "4e84f94d3b870497"  // checksum
    "ca4811a7e9e8a32b"  // Hash("a")
    "0000000000000000"  // at 0
    "61228f1799438c1c"  // Hash("b")
    "1800000000000000"  // at 24
    "6964736368756e6b"  // 136: "idschunk"
    "2800000000000000"  // from: 40
    "3800000000000000"  // to: 56
    "a080571385194a98"  // mark
    "0100000000000000"  // count
    "51ac83f7db239b8e"  // checksum
    "3922b9326a2759d0"  // Hash("c")
    "2800000000000000"  // at 40
    ;
constexpr size_t kFirstChunkAt = 56, kSecondChunkAt = 136;

uint64_t Hash(std::string_view text) {
  return dedupe::Hash(kKey, text);
}

std::string FromHex(std::string_view digits) {
  std::string bytes;
  for (size_t at = 0; at < digits.size(); at += 2) {
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(at, 2)), nullptr, 16));
  }
  return bytes;
}

// Ids as "a@0 b@24", so that a failing check can show them.
std::string NameOf(uint64_t id) {
  for (const char* name : {"a", "b", "c"}) {
    if (Hash(name) == id) return name;
  }
  return "?";
}

// What a file of ids was found to hold.
struct Loaded {
  uint64_t end = 0;
  std::string ids;
  size_t reserved = 0;
};

class IdsFileTest {
 public:
  IdsFileTest() : chronicle_(test::Opened(directory_.Write("chronicle", kChronicle))) {}

  Loaded Load(std::string_view image) {
    directory_.Write("chronicle.ids", image);
    return Load();
  }

  Loaded Load() {
    Loaded loaded;
    const auto add = [&](const std::vector<IdsFile::Record>& records) {
      for (const IdsFile::Record& record : records) {
        if (!loaded.ids.empty()) loaded.ids += ' ';
        loaded.ids += NameOf(record.id) + '@' + std::to_string(record.offset);
      }
    };
    uint64_t size = 0;
    CHECK_EQ(chronicle_.Size(&size).number, 0);
    loaded.end = file_.Load({path(), key_, "eventId", id_}, chronicle_, size,
                            {[&](size_t count) { loaded.reserved = count; }, add});
    return loaded;
  }

  std::string path() const { return directory_.At("chronicle.ids"); }

  test::Directory directory_;
  os::File chronicle_;
  os::FileId id_ = kChronicleId;
  HashKey key_ = kKey;
  IdsFile file_;
};

TEST("IdsFile: is read as its format is described") {
  IdsFileTest test;
  const Loaded loaded = test.Load(FromHex(kImage));
  CHECK_EQ(loaded.end, kSize);
  CHECK_EQ(loaded.ids, "a@0 b@24 c@40");
  CHECK(loaded.reserved >= 3);
}

TEST("IdsFile: is written as its format is described") {
  IdsFileTest test;
  CHECK_EQ(test.Load("").end, 0u);
  test.file_.Add(test.chronicle_, Hash("a"), 0);
  test.file_.Add(test.chronicle_, Hash("b"), 24);
  test.file_.Save(test.chronicle_, 40);
  test.file_.Add(test.chronicle_, Hash("c"), 40);
  test.file_.Save(test.chronicle_, kSize);
  CHECK(test::ContentOf(test.path()) == FromHex(kImage));
}

TEST("IdsFile: torn at any byte, it is read up to the last whole chunk, and mended by the next save") {
  const std::string image = FromHex(kImage);
  for (size_t cut = 0; cut <= image.size(); cut++) {
    IdsFileTest test;
    const Loaded loaded = test.Load(image.substr(0, cut));
    CHECK_EQ(loaded.ids, cut == image.size() ? "a@0 b@24 c@40" : cut >= kSecondChunkAt ? "a@0 b@24" : "");
    CHECK_EQ(loaded.end, cut == image.size() ? kSize : cut >= kSecondChunkAt ? 40 : 0);
    if (loaded.end < 1) test.file_.Add(test.chronicle_, Hash("a"), 0);
    if (loaded.end < 25) test.file_.Add(test.chronicle_, Hash("b"), 24);
    if (loaded.end < 41) test.file_.Add(test.chronicle_, Hash("c"), 40);
    test.file_.Save(test.chronicle_, kSize);
    CHECK_EQ(test.Load().ids, "a@0 b@24 c@40");
  }
}

TEST("IdsFile: with any bit changed, no chunk is believed that the bit is in, nor one after it") {
  const std::string image = FromHex(kImage);
  IdsFileTest test;
  for (size_t at = 0; at < image.size(); at++) {
    for (int bit = 0; bit < 8; bit++) {
      std::string damaged = image;
      damaged[at] = static_cast<char>(damaged[at] ^ 1 << bit);
      const Loaded loaded = test.Load(damaged);
      CHECK_EQ(loaded.ids, at < kSecondChunkAt ? "" : "a@0 b@24");
      CHECK_EQ(loaded.end, at < kSecondChunkAt ? 0u : 40u);
    }
  }
}

TEST("IdsFile: is not believed if it is of another file, of another key, or if the chronicle has changed") {
  const std::string image = FromHex(kImage);
  {
    IdsFileTest test;
    test.id_.inode++;
    CHECK_EQ(test.Load(image).end, 0u);
  }
  {
    IdsFileTest test;
    test.key_.second++;
    CHECK_EQ(test.Load(image).end, 0u);
  }
  for (size_t at = 0; at < kSize; at++) {
    IdsFileTest test;
    std::string changed = kChronicle;
    changed[at] ^= 1;
    test.directory_.Write("chronicle", changed);
    // So short a file is covered by the marks as a whole.
    CHECK_EQ(test.Load(image).end, at < 40 ? 0u : 40u);
  }
  for (uint64_t size = 0; size < kSize; size++) {
    IdsFileTest test;
    test.directory_.Write("chronicle", std::string(kChronicle).substr(0, size));
    CHECK_EQ(test.Load(image).end, size < 40 ? 0u : 40u);
  }
}

// The image with these words of its first chunk, under a checksum that is right.
std::string Forged(size_t word, uint64_t value) {
  std::string image = FromHex(kImage);
  image.replace(kFirstChunkAt + 8 * word, 8, reinterpret_cast<const char*>(&value), 8);
  const std::string_view chunk =
      std::string_view(image).substr(kFirstChunkAt, kSecondChunkAt - kFirstChunkAt);
  const uint64_t checksum = Hash(chunk.substr(0, 40)) ^ Hash(chunk.substr(48));
  image.replace(kFirstChunkAt + 40, 8, reinterpret_cast<const char*>(&checksum), 8);
  return image;
}

TEST("IdsFile: what cannot be is refused, though its checksum is right") {
  IdsFileTest test;
  CHECK_EQ(test.Load(Forged(4, 2)).end, kSize);  // nothing forged
  CHECK_EQ(test.Load(Forged(1, 1)).end, 0u);     // from: not where the last one ended
  for (const uint64_t to : {uint64_t{0}, kSize + 1, UINT64_MAX}) CHECK_EQ(test.Load(Forged(2, to)).end, 0u);
  for (const uint64_t count : {uint64_t{65'537}, UINT64_MAX, uint64_t{1} << 60}) {
    CHECK_EQ(test.Load(Forged(4, count)).end, 0u);
  }
  CHECK_EQ(test.Load(Forged(6, 0)).end, 0u);                                                        // no id
  for (const uint64_t at : {uint64_t{40}, UINT64_MAX}) CHECK_EQ(test.Load(Forged(9, at)).end, 0u);  // offset
}

TEST("IdsFile: the key is read from a header that is whole, and from no other") {
  IdsFileTest test;
  const std::string image = FromHex(kImage);
  HashKey key;
  for (size_t cut = 0; cut <= image.size(); cut++) {
    test.directory_.Write("chronicle.ids", image.substr(0, cut));
    key = {};
    CHECK_EQ(IdsFile::ReadHashKey(test.path(), test.chronicle_, &key), cut >= kFirstChunkAt);
    CHECK(key == (cut >= kFirstChunkAt ? kKey : HashKey{}));
  }
  for (size_t bit = 0; bit < 8 * kFirstChunkAt; bit++) {
    std::string damaged = image;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    test.directory_.Write("chronicle.ids", damaged);
    CHECK(!IdsFile::ReadHashKey(test.path(), test.chronicle_, &key));
  }
  CHECK(!IdsFile::ReadHashKey(test.directory_.At("none"), test.chronicle_, &key));
}

TEST("IdsFile: one of version 1 is of no use, and is made anew") {
  IdsFileTest test;
  std::string old = FromHex(kImage);
  old[7] = '1';
  CHECK_EQ(test.Load(old).end, 0u);
  test.file_.Add(test.chronicle_, Hash("a"), 0);
  test.file_.Add(test.chronicle_, Hash("b"), 24);
  test.file_.Save(test.chronicle_, 40);
  test.file_.Add(test.chronicle_, Hash("c"), 40);
  test.file_.Save(test.chronicle_, kSize);
  CHECK(test::ContentOf(test.path()) == FromHex(kImage));
}

TEST("IdsFile: many ids are saved in chunks that every reader takes, and all are read again") {
  test::Directory directory;
  std::string lines;
  constexpr size_t kCount = 150'000;
  for (size_t n = 0; n < kCount; n++) lines += "{\"k\":\"i\"}\n";
  const os::File chronicle = test::Opened(directory.Write("chronicle", lines));
  IdsFile written, read;
  const auto load = [&](IdsFile* file, size_t* count) {
    return file->Load({directory.At("chronicle.ids"), {}, "k", {2, 3}}, chronicle, lines.size(),
                      {[](size_t) {},
                       [&](const std::vector<IdsFile::Record>& records) {
                         for (const IdsFile::Record& record : records) {
                           CHECK_EQ(record.id, *count + 1);
                           CHECK_EQ(record.offset, *count * 10);
                           ++*count;
                         }
                       }});
  };
  size_t count = 0;
  CHECK_EQ(load(&written, &count), 0u);
  for (size_t n = 0; n < kCount; n++) written.Add(chronicle, n + 1, n * 10);
  written.Save(chronicle, lines.size());
  CHECK_EQ(load(&read, &count), lines.size());
  CHECK_EQ(count, kCount);
  CHECK_EQ(test::ContentOf(directory.At("chronicle.ids")).size(), 56 + 3 * 48 + kCount * 16);
}

}  // namespace
