// The side journal: what its bytes tell, whatever of them a crash has left; how several processes go on in
// it; and what is put back.
#include "append/side_journal.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "append/journal_format.h"
#include "append/put_back.h"
#include "check.h"
#include "files.h"

namespace {

using namespace holdfast;
using append::SideJournal;
namespace journal = append::journal;

// A journal in memory, with these records in the epoch of `head`.
class Image {
 public:
  Image() : bytes_(journal::kMinSize, '\0') {}

  void SetHead(journal::Head head) {
    head.checksum = ChecksumOf(head);
    std::memcpy(&bytes_[journal::HeadAt(head.epoch)], &head, sizeof head);
    head_ = head;
    at_ = journal::kFirstRecord;
    offset_ = head.from;
  }
  void Add(std::string_view text) {
    const journal::Record record = MakeRecord(head_, offset_, text);
    std::memcpy(&bytes_[at_], &record, sizeof record);
    text.copy(&bytes_[at_ + sizeof record], text.size());
    at_ += journal::SpaceFor(text.size());
    offset_ += text.size();
  }
  std::string& bytes() { return bytes_; }
  uint64_t at() const { return at_; }

 private:
  std::string bytes_;
  journal::Head head_;
  uint64_t at_ = 0, offset_ = 0;
};

journal::Head HeadOf(uint64_t epoch, uint64_t from) {
  journal::Head head;
  head.epoch = epoch;
  head.key = {1, epoch};
  head.from = from;
  return head;
}

// The pieces as "10:text 14:more".
std::string Told(std::string_view bytes) {
  const auto content = journal::ContentOf(bytes);
  if (!content) return "nothing";
  std::string told;
  for (const journal::Piece& piece : content->pieces) {
    told += (told.empty() ? "" : " ") + std::to_string(piece.offset) + ':' + std::string(piece.bytes);
  }
  return told;
}

TEST("the format of a side journal is that of docs/format.md") {
  Image image;
  image.SetHead(HeadOf(3, 10));
  image.Add("one");
  image.Add(std::string(600, 'x'));
  image.Add("three");
  const std::string& bytes = image.bytes();
  CHECK_EQ(bytes.substr(4096, 8), "hfstjrn1");
  CHECK_EQ(bytes.substr(8192, 8), "hfstjrec");
  CHECK_EQ(bytes.substr(8192 + 48, 3), "one");
  CHECK_EQ(bytes.substr(8192 + 512, 8), "hfstjrec");
  CHECK_EQ(bytes.substr(8192 + 3 * 512 + 48, 5), "three");
  CHECK_EQ(Told(bytes), "10:one 13:" + std::string(600, 'x') + " 613:three");
}

TEST("a side journal tells what is before its first damage, and nothing without a head") {
  Image image;
  image.SetHead(HeadOf(1, 0));
  image.Add("one");
  image.Add("two");
  image.Add("three");
  for (size_t at = journal::kFirstRecord; at < image.at(); at++) {
    std::string bytes = image.bytes();
    bytes[at] = static_cast<char>(bytes[at] ^ 0x20);
    const size_t record = (at - journal::kFirstRecord) / journal::kSector;
    const size_t length = record == 2 ? 5 : 3;
    const bool is_padding = at % journal::kSector >= sizeof(journal::Record) + length;
    const std::string before[] = {"", "0:one", "0:one 3:two"};
    CHECK_EQ(Told(bytes), is_padding ? "0:one 3:two 6:three" : before[record]);
  }
  for (size_t at = journal::HeadAt(1); at < journal::HeadAt(1) + offsetof(journal::Head, born); at++) {
    std::string bytes = image.bytes();
    bytes[at] = static_cast<char>(bytes[at] ^ 0x20);
    CHECK_EQ(Told(bytes), "nothing");
  }
  for (const size_t size : {size_t{0}, size_t{71}, size_t{4096}, size_t{4096 + 72}, size_t{8192}}) {
    const std::string bytes = image.bytes().substr(0, size);
    const auto content = size < journal::kFirstRecord ? std::nullopt : journal::ContentOf(bytes);
    CHECK(!content || content->pieces.empty());
  }
}

TEST("a side journal tells of its latest epoch alone") {
  Image image;
  image.SetHead(HeadOf(4, 0));
  image.Add("of the fourth");
  image.Add("and more");
  image.SetHead(HeadOf(5, 21));
  CHECK_EQ(Told(image.bytes()), "");
  image.Add("of the fifth");
  CHECK_EQ(Told(image.bytes()), "21:of the fifth");
  // Its head is torn: what is left of the fourth.
  image.bytes()[journal::HeadAt(5) + 10] ^= 1;
  CHECK_EQ(Told(image.bytes()), "");
}

TEST("records of another epoch are none, also where everything but the key is the same") {
  Image image;
  image.SetHead(HeadOf(1, 0));
  image.Add("one");
  image.Add("two");
  journal::Head again = HeadOf(1, 0);
  again.key = {7, 7};
  image.SetHead(again);
  CHECK_EQ(Told(image.bytes()), "");
  image.Add("new");
  CHECK_EQ(Told(image.bytes()), "0:new");
}

TEST("what a crash leaves is told from what somebody wrote") {
  const std::string nul(1, '\0');
  CHECK_EQ(journal::Compare("text", "text"), journal::Found::kWhole);
  CHECK_EQ(journal::Compare("text", ""), journal::Found::kMissing);
  CHECK_EQ(journal::Compare("text", "te"), journal::Found::kMissing);
  CHECK_EQ(journal::Compare("text", "t" + nul + nul + "t"), journal::Found::kMissing);
  CHECK_EQ(journal::Compare("text", "t" + nul + "yt"), journal::Found::kOther);
  CHECK_EQ(journal::Compare("text", "tu"), journal::Found::kOther);
}

// A chronicle that writers append to, each with a journal of its own, as processes have it.
class SideJournalTest {
 public:
  SideJournalTest() : path_(directory_.Write("chronicle", "")), file_(test::Opened(path_)) {}

  // Whether the journal took it. `durable` is up to where the writer knows the file itself to be durable.
  bool Append(SideJournal* writer, std::string_view text, uint64_t durable) {
    const uint64_t size = Size();
    CHECK(!file_.Append("", 0, text.data(), text.size()));
    return writer->Add(file_, size, "", text, durable);
  }
  void AppendWithout(std::string_view text) { CHECK(!file_.Append("", 0, text.data(), text.size())); }
  uint64_t Size() const {
    uint64_t size = 0;
    CHECK(!file_.Size(&size));
    return size;
  }
  // What a crash leaves of it.
  void Lose(uint64_t from) { CHECK(!file_.Truncate(from)); }
  void Overwrite(uint64_t at, std::string_view text) {
    os::File file;
    CHECK(!os::File::OpenToOverwrite(path_, &file));
    CHECK(!file.WriteAt(at, text.data(), text.size()));
  }
  // The system was started anew.
  void Restart() {
    std::string bytes = Journal();
    for (const uint64_t epoch : {uint64_t{0}, uint64_t{1}}) {
      bytes[journal::HeadAt(epoch) + offsetof(journal::Head, boot)] ^= 1;
    }
    os::File file;
    CHECK(!os::File::OpenToOverwrite(path_ + ".journal", &file));
    CHECK(!file.WriteAt(0, bytes.data(), journal::kFirstRecord));
  }
  std::string PutBack() {
    CHECK(!append::PutBack(path_, file_));
    return test::ContentOf(path_);
  }
  std::string Journal() const { return test::ContentOf(path_ + ".journal"); }
  std::string Told() const { return ::Told(Journal()); }
  std::string MakeJournal(uint64_t size) {
    return directory_.Write("chronicle.journal", std::string(size, '\0'));
  }
  SideJournal Writer() const { return SideJournal(path_); }
  const os::File& file() const { return file_; }
  const std::string& path() const { return path_; }

 private:
  test::Directory directory_;
  std::string path_;
  os::File file_;
};

TEST("a side journal begins once the file is durable, and goes on from there") {
  SideJournalTest test;
  SideJournal one = test.Writer();
  CHECK(!test.Append(&one, "1\n", 0));
  CHECK_EQ(test.Journal().size(), journal::kSize);
  CHECK(test.Append(&one, "2\n", 2));
  CHECK(test.Append(&one, "3\n", 2));
  CHECK_EQ(test.Told(), "2:2\n 4:3\n");
  // What others have written without it belongs to the next record.
  test.AppendWithout("4\n");
  CHECK(test.Append(&one, "5\n", 2));
  CHECK_EQ(test.Told(), "2:2\n 4:3\n 6:4\n5\n");
}

TEST("several writers go on in one side journal, but for epochs that are older than they") {
  SideJournalTest test;
  SideJournal one = test.Writer(), other = test.Writer();
  CHECK(!test.Append(&one, "1\n", 0));
  CHECK(test.Append(&one, "2\n", 2));
  CHECK(!test.Append(&other, "3\n", 0));
  CHECK(test.Append(&one, "4\n", 2));
  CHECK_EQ(test.Told(), "2:2\n 4:3\n4\n");
  // It knows less of the file than the records tell.
  CHECK(!test.Append(&other, "5\n", 6));
  CHECK(test.Append(&other, "6\n", 10));
  CHECK_EQ(test.Told(), "10:6\n");
  CHECK(test.Append(&one, "7\n", 2));
  CHECK(test.Append(&other, "8\n", 10));
  CHECK_EQ(test.Told(), "10:6\n 12:7\n 14:8\n");
}

TEST("a side journal that is full waits for a sync of the file, and then is overwritten") {
  SideJournalTest test;
  test.MakeJournal(journal::kMinSize);
  SideJournal one = test.Writer();
  const std::string line = std::string(399, 'x') + '\n';
  uint64_t durable = 0;
  int syncs = 0, records = 0;
  for (int i = 0; i < 200; i++) {
    if (test.Append(&one, line, durable)) {
      records++;
    } else {
      durable = test.Size();
      syncs++;
    }
    const std::string bytes = test.Journal();
    const auto content = journal::ContentOf(bytes);
    const uint64_t end = content ? content->head.from + 400 * content->pieces.size() : 0;
    CHECK(std::max(end, durable) == test.Size());
  }
  CHECK_EQ(test.Journal().size(), journal::kMinSize);
  CHECK_EQ(syncs, 12);  // 16 records of a sector each, and one that does not fit; and the very first one
  CHECK_EQ(records, 188);
  // One that is longer than the journal, and those behind it.
  CHECK(!test.Append(&one, std::string(20'000, 'y') + '\n', durable));
  CHECK(!test.Append(&one, line, durable));
  CHECK(test.Append(&one, line, test.Size()));
}

TEST("what a crash took from a file is put back from its side journal") {
  SideJournalTest test;
  SideJournal one = test.Writer();
  CHECK(!test.Append(&one, "1\n", 0));
  CHECK(test.Append(&one, "two\n", 2));
  CHECK(test.Append(&one, "three\n", 2));
  const std::string whole = test::ContentOf(test.path());
  for (uint64_t end = 2; end <= whole.size(); end++) {
    for (const char* hole : {"", "no"}) {
      test.Lose(end);
      if (hole[0] != '\0' && end >= 5) test.Overwrite(3, std::string(2, '\0'));
      const std::string before = test.Journal();
      CHECK_EQ(test.PutBack(), whole);
      const bool was_whole = end == whole.size() && hole[0] == '\0';
      if (!was_whole) CHECK_EQ(test.Told(), "");
      // As it was before the crash, for the next one.
      os::File file;
      CHECK(!os::File::OpenToOverwrite(test.path() + ".journal", &file));
      CHECK(!file.WriteAt(0, before.data(), journal::kFirstRecord));
    }
  }
}

TEST("what is in the place of a lost line is left there, unless the system was started anew") {
  SideJournalTest test;
  SideJournal one = test.Writer();
  CHECK(!test.Append(&one, "1\n", 0));
  CHECK(test.Append(&one, "two\n", 2));
  test.Overwrite(2, "2 !\n");
  CHECK_EQ(test.PutBack(), "1\n2 !\n");
  test.Restart();
  CHECK_EQ(test.PutBack(), "1\ntwo\n");
}

TEST("a side journal of another file, or of other bytes, says nothing") {
  SideJournalTest test;
  SideJournal one = test.Writer();
  CHECK(!test.Append(&one, "1\n", 0));
  CHECK(test.Append(&one, "two\n", 2));
  test.Restart();
  test.Lose(1);  // shorter than it was durable
  CHECK_EQ(test.PutBack(), "1");
  test.Overwrite(1, "!");  // and with other bytes
  CHECK_EQ(test.PutBack(), "1!");
  test.Overwrite(1, "\n");
  CHECK_EQ(test.PutBack(), "1\ntwo\n");
  os::File journal;
  CHECK(!os::File::OpenToOverwrite(test.path() + ".journal", &journal));
  test.Lose(2);
  for (const uint64_t epoch : {uint64_t{0}, uint64_t{1}}) {
    const char born[8] = {1};
    CHECK(!journal.WriteAt(journal::HeadAt(epoch) + offsetof(journal::Head, born), born, sizeof born));
  }
  CHECK_EQ(test.PutBack(), "1\n");
}

TEST("a file whose sync failed gets no new epoch until it was written anew") {
  SideJournalTest test;
  SideJournal one = test.Writer();
  CHECK(!test.Append(&one, "1\n", 0));
  CHECK(test.Append(&one, "2\n", 2));
  one.Distrust();
  SideJournal other = test.Writer();
  CHECK(!test.Append(&other, "3\n", 0));
  CHECK(!test.Append(&other, "4\n", 6));
  CHECK_EQ(test.Told(), "2:2\n");
  CHECK_EQ(test.PutBack(), "1\n2\n3\n4\n");
  CHECK(test.Append(&other, "5\n", 8));
  CHECK_EQ(test.Told(), "4:3\n4\n5\n");
}

TEST("a file that was truncated has a side journal again once it is durable") {
  SideJournalTest test;
  SideJournal one = test.Writer();
  CHECK(!test.Append(&one, "1\n", 0));
  CHECK(test.Append(&one, "2\n", 2));
  test.Lose(0);
  CHECK(!test.Append(&one, "a\n", 0));
  CHECK(test.Append(&one, "b\n", 2));
  CHECK_EQ(test.Told(), "2:b\n");
}

TEST("a side journal that was removed, or is open to more, is not written to") {
  SideJournalTest test;
  SideJournal one = test.Writer();
  CHECK(!test.Append(&one, "1\n", 0));
  CHECK(test.Append(&one, "2\n", 2));
  CHECK(!os::Remove(test.path() + ".journal"));
  CHECK(test.Append(&one, "3\n", 2));
  CHECK_EQ(test.Told(), "2:2\n3\n");
  // What others may have put there.
  CHECK(!os::Link(test.path() + ".journal", test.path() + ".further"));
  SideJournal other = test.Writer();
  CHECK(!test.Append(&other, "4\n", 6));
  CHECK(!test.Append(&other, "5\n", 8));
  test.Lose(2);
  CHECK_EQ(test.PutBack(), "1\n");
}

TEST("a side journal that is emptied tells nothing") {
  SideJournalTest test;
  SideJournal one = test.Writer();
  CHECK(!test.Append(&one, "1\n", 0));
  CHECK(test.Append(&one, "2\n", 2));
  one.Empty(test.file(), test.Size());
  CHECK_EQ(test.Told(), "");
  test.Lose(2);
  CHECK_EQ(test.PutBack(), "1\n");
}

}  // namespace
